/** The seccomp filters of all drivers, and the rules they are made from. */
export { type Arch, CALLS, type CallName, callNumber, NEWEST_CALL } from "./calls.ts";
export { compileFilter } from "./compile.ts";
export { type DockerProfile, dockerProfile } from "./docker-json.ts";
export { AGENT_RULES, type ArgTest, ERRNO, type Rule, SANDBOX_RULES } from "./rules.ts";
