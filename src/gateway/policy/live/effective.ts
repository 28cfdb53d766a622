/**
 * A sandbox's whole policy from its layers: the default's file and presets, the sandbox's own, standing approvals. The
 * sandbox's own layer adds; where the two treat one destination differently its own wins. Denials of both hold. Pure.
 */
import { type CompiledPolicy, compilePolicy, type Fallback } from "../compile.ts";
import { disagreement, rulesMeet } from "../conflicts.ts";
import type { EndpointRule, PolicyModel } from "../model.ts";
import { policyHash } from "../revisions.ts";
import type { Layer } from "./layer.ts";

/** What holds while nothing could be loaded: nothing leaves, and no approval opens anything. */
export const DENY_ALL: CompiledPolicy = compilePolicy({
  hash: "none",
  fallback: "deny",
  rules: [],
  denials: [{ name: "no-policy-loaded", ports: "any" }],
});

/** A sandbox's policy. */
export interface Effective {
  readonly model: PolicyModel;
  readonly compiled: CompiledPolicy;
  /** What a layer overrides of another, for people. */
  readonly notes: readonly string[];
}

/** Puts the layers together, from the strongest to the weakest: own file, default's file, own presets, default's. */
export function effectivePolicy(
  general: Layer,
  own: Layer,
  approvals: readonly EndpointRule[],
  fallback: Fallback,
): Effective {
  const notes: string[] = [];
  const rules: EndpointRule[] = [];
  for (const layer of [
    own.model.rules,
    general.model.rules,
    own.presets.flatMap((preset) => preset.rules),
    general.presets
      .filter((preset) => own.presets.every(({ name }) => name !== preset.name))
      .flatMap((preset) => preset.rules),
  ]) {
    const stronger = [...rules];
    for (const rule of layer) {
      const winner = stronger.find((one) => disagreement(one, rule) !== undefined && rulesMeet(one, rule));
      if (winner) notes.push(`${rule.name} (${rule.host}) is replaced by "${winner.name}" (${winner.host})`);
      else rules.push(rule);
    }
  }
  const denials = [...own.model.denials, ...general.model.denials];
  const model: PolicyModel = { rules, denials, fixed: { ...general.model.fixed, ...own.model.fixed } };
  // Standing approvals are left out: a card that waits stays the same question when another one is answered.
  const hash = own.hash === "" ? general.hash : policyHash(model);
  return {
    model: { ...model, rules: [...rules, ...approvals] },
    compiled: compilePolicy({ hash, fallback, rules: [...rules, ...approvals], denials }),
    notes,
  };
}

/** Hash of rules that came from taps; tells whether a policy has to be compiled again. */
export function rulesKey(rules: readonly EndpointRule[]): string {
  return policyHash({ rules, denials: [], fixed: {} });
}
