/**
 * What a check says: shared by the preflight of `nemoclaw onboard` and by `nemoclaw doctor`. Pure.
 */

/** `fail`: it won't work so. `warn`: it works, but something is weaker or tighter than it should be. */
export type Verdict = "ok" | "warn" | "fail";

/** One thing that was looked at. */
export interface Finding {
  /** Short and stable, e.g. `memory`; scripts match it. */
  name: string;
  verdict: Verdict;
  /** What was found, one line, with numbers. */
  detail: string;
  /** What to do, as a command where there is one. There whenever the verdict isn't `ok`. */
  fix?: string;
}

/** All is well. */
export const ok = (name: string, detail: string): Finding => ({ name, verdict: "ok", detail });

/** It goes on, but. */
export const warn = (name: string, detail: string, fix: string): Finding => ({
  ...{ name, verdict: "warn", detail, fix },
});

/** It can't go on. */
export const fail = (name: string, detail: string, fix: string): Finding => ({
  ...{ name, verdict: "fail", detail, fix },
});

/** The worst verdict of several; nothing is `ok`. */
export function worst(findings: readonly Finding[]): Verdict {
  const verdicts = findings.map(({ verdict }) => verdict);
  return verdicts.includes("fail") ? "fail" : verdicts.includes("warn") ? "warn" : "ok";
}

const MARKS: Record<Verdict, string> = { ok: "✓", warn: "!", fail: "✗" };

/** A finding as lines for people: mark, name, detail; below it the fix. */
export function describeFinding({ name, verdict, detail, fix }: Finding): string {
  const line = `${MARKS[verdict]} ${name.padEnd(16)} ${detail}`;
  return fix === undefined ? line : `${line}\n${" ".repeat(19)}→ ${fix}`;
}
