/**
 * What is run on the other machine: constant texts for its shell. Nothing that anybody typed is ever put into them; what
 * varies goes by standard input, line by line, and is read as data.
 */

/** Where the archive waits, so that a deploy that was cut off needn't copy it again. */
const CACHE = '"$HOME/.cache/nemoclaw"';
const COMMAND = '"$HOME/.local/bin/nemoclaw"';

/** Facts as `name=value` lines; changes nothing. */
export const PROBE: string = `
say() { printf '%s=%s\\n' "$1" "$2"; }
say system "$(uname -s)"
say machine "$(uname -m)"
say uid "$(id -u)"
say user "$(id -un)"
say bash "$(command -v bash)"
say node "$(node --version 2>/dev/null)"
say memoryKb "$(sed -n 's/^MemTotal: *\\([0-9]*\\) kB$/\\1/p' /proc/meminfo 2>/dev/null)"
say diskKb "$(df -Pk "$HOME" 2>/dev/null | sed -n '2s/^[^ ]* *[0-9]* *[0-9]* *\\([0-9]*\\) .*/\\1/p')"
say userns "$(unshare -U true 2>/dev/null && echo yes)"
say sudo "$(sudo -n true 2>/dev/null && echo yes)"
say systemd "$([ -d /run/systemd/system ] && echo yes)"
say archive "$(sha256sum ${CACHE}/release.tgz 2>/dev/null | cut -c1-64)"
say current "$(readlink "$HOME/.local/share/nemoclaw/current" 2>/dev/null)"
home=\${NEMOCLAW_HOME:-$HOME/.nemoclaw}
[ "$(id -u)" = 0 ] && home=\${NEMOCLAW_HOME:-/var/lib/nemoclaw}
say configured "$([ -f "$home/config.yaml" ] && grep -q '"\\?sandboxes"\\?:' "$home/config.yaml" && echo yes)"
`;

/** The archive comes by standard input; complete or not there. */
export const COPY: string = `
set -e
umask 077
mkdir -p ${CACHE}
cat > ${CACHE}/release.tgz.part
mv ${CACHE}/release.tgz.part ${CACHE}/release.tgz
sha256sum ${CACHE}/release.tgz | cut -c1-64
`;

/** By the archive's own installer, which names the packages that it installs. */
export const INSTALL: string = `
set -e
cd ${CACHE}
rm -rf package
tar xzf release.tgz package/install.sh
bash package/install.sh --from ${CACHE}/release.tgz --no-onboard --yes
rm -rf package
`;

/** Settings that onboarding reads as variables. */
export const SETTINGS = [
  "NEMOCLAW_SANDBOX_NAME",
  "NEMOCLAW_PROVIDER",
  "NEMOCLAW_ENDPOINT_URL",
  "NEMOCLAW_MODEL",
  "NEMOCLAW_POLICY_PRESETS",
  "TELEGRAM_ALLOWED_USERS",
] as const;

/** Settings up to an empty line, then secrets up to the end. */
const onboard = (flags: string): string => `
while IFS= read -r line && [ -n "$line" ]; do
  case $line in
    ${SETTINGS.map((name) => `${name}=*`).join(" | ")}) export "$line" ;;
    *) echo "unknown setting" >&2; exit 2 ;;
  esac
done
exec ${COMMAND} onboard --non-interactive --no-start --secrets-stdin${flags}
`;
export const ONBOARD: string = onboard("");
export const ONBOARD_UNVERIFIED: string = onboard(" --no-verify");

/** Without systemd: in the background. A service that runs is ended first (its agents stay) when it is of another release. */
export const START: string = `${COMMAND} status >/dev/null 2>&1 || exec ${COMMAND} start --detach </dev/null\n`;
export const RESTART: string = `${COMMAND} stop >/dev/null 2>&1; exec ${COMMAND} start --detach </dev/null\n`;

/** With systemd: the unit comes by standard input. As root the system's manager, else the user's own, which lingers. */
export const START_UNIT: string = `
set -e
${COMMAND} stop >/dev/null 2>&1 || true
if [ "$(id -u)" = 0 ]; then
  cat > /etc/systemd/system/nemoclaw.service
  systemctl daemon-reload
  systemctl enable nemoclaw.service
  systemctl restart nemoclaw.service
else
  mkdir -p "$HOME/.config/systemd/user"
  cat > "$HOME/.config/systemd/user/nemoclaw.service"
  export XDG_RUNTIME_DIR="\${XDG_RUNTIME_DIR:-/run/user/$(id -u)}"
  loginctl enable-linger || true
  systemctl --user daemon-reload
  systemctl --user enable nemoclaw.service
  systemctl --user restart nemoclaw.service
fi
`;

/** Exit code 3 while it doesn't run. */
export const STATUS: string = `exec ${COMMAND} status --json\n`;

/** SIGTERM reaches the service only; agents and Redis outlive it and are taken over (docs/operating.md). */
export const UNIT: string = `[Unit]
Description=NemoClaw Bridge
Wants=network-online.target
After=network-online.target

[Service]
Type=exec
ExecStart=%h/.local/bin/nemoclaw start --no-prompt
KillMode=process
TimeoutStopSec=90
Restart=on-failure
RestartSec=2
Delegate=yes

[Install]
WantedBy=default.target
`;
