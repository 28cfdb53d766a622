/**
 * What a sandbox was allowed goes with it: its standing rules and its own policy. Whoever owns it keeps what is theirs: that
 * they may write, their chats, their limits and what they have used; and the audit keeps everything.
 */
import type { RuleRecord } from "../../store/index.ts";
import { askGateway, operatorName } from "../policy/target.ts";
import { notRunning, type Reached } from "./reach.ts";

/** Takes it back; the next sandbox of the same owner begins with the default policy. False: no gateway runs. */
export async function removePermissions({ id, paths }: Reached): Promise<boolean> {
  const home = { home: paths.home };
  try {
    const rules = await askGateway<RuleRecord[]>(home, "rules.list", { sandbox: id });
    for (const { ruleId } of rules) await askGateway(home, "rules.revoke", { sandbox: id, rule: ruleId });
    await askGateway(home, "policy.delete", { target: id, by: operatorName(), note: "sandbox destroyed" });
    return true;
  } catch (error) {
    if (notRunning(error)) return false;
    throw error;
  }
}
