/** What `policy explain` prints. Pure. */

/** The gateway's answer. */
export interface ExplainAnswer {
  sentence: string;
  verdict: string;
  considered: { rule: string; host: string; origin: string; outcome: string }[];
  versions: { default: number; own: number };
  inspect: boolean;
}

const OUTCOMES: Record<string, string> = {
  applies: "applies",
  other_port: "is for another port",
  other_program: "is for another program",
  program_unknown: "is for certain programs only (say --binary)",
};
const ORIGINS: Record<string, string> = { operator: "policy", preset: "preset", approval: "approved" };

/** The sentence, the rules that came near, the versions that were asked. */
export function explanationText({ sentence, considered, versions, inspect }: ExplainAnswer): string {
  const rules = considered.map(
    ({ rule, host, origin, outcome }) =>
      `  ${rule} (${ORIGINS[origin] ?? origin}, ${host}) ${OUTCOMES[outcome] ?? outcome}`,
  );
  const own = versions.own > 0 ? `, the sandbox's own version ${versions.own}` : "";
  return [
    sentence,
    ...(inspect ? ["Its TLS is opened by the gateway, and each request inside is judged."] : []),
    ...(rules.length > 0 ? ["Rules that name it:", ...rules] : []),
    `Asked: default policy version ${versions.default}${own}.`,
  ].join("\n");
}
