# The image of sandboxes, where images can be pulled. Elsewhere: nemoclaw image build --from-host (docs/docker.md).
# Holds programs only: the agent's runtime, the guest and all settings are mounted.
ARG NODE_VERSION=24.21.0
FROM node:${NODE_VERSION}-bookworm-slim AS node

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      bzip2 ca-certificates curl diffutils file findutils git gzip jq less libstdc++6 make openssl patch perl procps \
      python3 ripgrep tar unzip util-linux xz-utils zip \
 && rm -rf /var/lib/apt/lists/* \
 && find / -xdev -perm /6000 -type f -exec chmod a-s {} + \
 && mkdir -p /opt/nemoclaw/guest /opt/openclaw /home/sandbox \
      /run/nemoclaw/config /run/nemoclaw/egress /run/nemoclaw/control \
 && touch /run/nemoclaw/lock /run/nemoclaw/log
COPY --from=node /usr/local/bin/node /opt/node/bin/node
LABEL ai.nemoclaw.image=2
