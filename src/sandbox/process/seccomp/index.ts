/** The seccomp filters of the process driver, and the rules they are made from (shared by all drivers). */
export { type Arch, CALLS, type CallName, callNumber, NEWEST_CALL } from "./calls.ts";
export { compileFilter } from "./compile.ts";
export { AGENT_RULES, type ArgTest, ERRNO, type Rule, SANDBOX_RULES } from "./rules.ts";
