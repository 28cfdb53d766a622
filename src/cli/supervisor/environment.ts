/**
 * The environment of a supervised process: a list of what is passed on, so that no secret that somebody exported in the
 * operator's shell reaches a process that must not hold it.
 */
const PASSED_ON = [
  "PATH",
  "LANG",
  "LC_ALL",
  "TZ",
  "TMPDIR",
  // How this machine reaches the world: the gateway's and the bridges' own requests.
  "HTTPS_PROXY",
  "HTTP_PROXY",
  "NO_PROXY",
  "https_proxy",
  "http_proxy",
  "no_proxy",
  "NODE_EXTRA_CA_CERTS",
  "SSL_CERT_FILE",
  // Tests arm failpoints by these (lib/failpoints.ts).
  "NEMOCLAW_FAILPOINT",
  "NEMOCLAW_FAILPOINT_DIR",
];

/** What a child may see of `env`. */
export function childEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    PASSED_ON.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])),
  );
}
