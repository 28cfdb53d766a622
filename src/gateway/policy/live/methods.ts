/**
 * The operator's methods about policies, for the admin socket. Shapes and limits here; what they do is in desk.ts and
 * read.ts.
 */
import { z } from "zod";
import { type AdminMethods, adminMethod } from "../../../lib/admin/methods.ts";
import { Fault } from "../../../lib/errors.ts";
import { PolicyPreset, PolicyTarget } from "../../../store/index.ts";
import { BLANK_POLICY, editPolicy } from "../edit.ts";
import { explain } from "../explain.ts";
import { builtInPresetText } from "../presets.ts";
import { DEFAULT_TARGET } from "./book.ts";
import type { ChangeOptions, Draft, PolicyDesk, Present } from "./desk.ts";
import { getPolicy, listPolicy, presetsOf } from "./read.ts";

const target = PolicyTarget.default(DEFAULT_TARGET);
const rev = z.number().int().min(1);
const text = z.string().max(1024 * 1024);
const spec = z.string().max(600);
const author = { by: z.string().max(64).default("operator"), note: z.string().max(256).default("") };
const dryRun = z.boolean().default(false);

const edit = z.discriminatedUnion("op", [
  z.strictObject({
    op: z.literal("add-endpoint"),
    spec,
    binaries: z.array(z.string().max(4_096)).max(256).optional(),
    rule: z.string().max(128).optional(),
  }),
  z.strictObject({ op: z.literal("remove-endpoint"), spec }),
  z.strictObject({ op: z.enum(["add-allow", "add-deny"]), spec }),
  z.strictObject({ op: z.literal("remove-rule"), spec }),
]);

/** The methods. */
export function policyMethods(desk: PolicyDesk): AdminMethods {
  const set = (given: z.output<typeof setParams>, dry: boolean) =>
    desk.set(given.target, { name: given.file, text: given.text }, optionsOf({ ...given, dryRun: dry }));
  return {
    "policy.set": adminMethod(setParams, (given) => set(given, given.dryRun)),
    "policy.diff": adminMethod(setParams, (given) => set(given, true)),
    "policy.update": adminMethod(
      z.strictObject({ target, edits: z.array(edit).min(1).max(64), dryRun, ...author }),
      (given) =>
        desk.change(
          given.target,
          (now) => ({
            ...draftOf(given.target, desk, now),
            text: editPolicy(textOf(given.target, desk, now), given.edits as never),
          }),
          optionsOf(given),
        ),
    ),
    "policy.get": adminMethod(
      z.strictObject({ target, rev: rev.optional(), full: z.boolean().default(false) }),
      (given) => getPolicy(desk, given.target, given.rev, given.full),
    ),
    "policy.list": adminMethod(z.strictObject({ target }), (given) => listPolicy(desk, given.target)),
    "policy.rollback": adminMethod(z.strictObject({ target, rev, dryRun, ...author }), (given) =>
      desk.rollback(given.target, given.rev, optionsOf(given)),
    ),
    "policy.delete": adminMethod(z.strictObject({ target, dryRun, ...author }), (given) =>
      desk.change(
        given.target,
        () => ({
          file: "policy.yaml",
          text: given.target === DEFAULT_TARGET ? desk.book.base.source.text : BLANK_POLICY,
          presets: [],
        }),
        optionsOf(given),
      ),
    ),
    "policy.presets": adminMethod(z.strictObject({ target }), (given) => presetsOf(desk, given.target)),
    "policy.preset.add": adminMethod(
      z.strictObject({ target, preset: PolicyPreset, dryRun, ...author }),
      (given) =>
        desk.change(
          given.target,
          (now) => {
            if (given.preset.text !== undefined && builtInPresetText(given.preset.name) !== undefined)
              throw nameTaken(given.preset.name);
            const draft = draftOf(given.target, desk, now);
            const others = draft.presets.filter(({ name }) => name !== given.preset.name);
            return { ...draft, presets: [...others, given.preset] };
          },
          optionsOf(given),
        ),
    ),
    "policy.preset.remove": adminMethod(
      z.strictObject({ target, preset: z.string().max(64), dryRun, ...author }),
      (given) =>
        desk.change(
          given.target,
          (now) => {
            const draft = draftOf(given.target, desk, now);
            const presets = draft.presets.filter(({ name }) => name !== given.preset);
            if (presets.length === draft.presets.length) throw notApplied(given.target, given.preset);
            return { ...draft, presets };
          },
          optionsOf(given),
        ),
    ),
    "policy.explain": adminMethod(
      z.strictObject({
        target,
        host: z.string().max(300),
        port: z.number().int().min(1).max(65_535),
        method: z.string().max(32).optional(),
        path: z.string().max(4_096).optional(),
        binary: z.string().max(4_096).optional(),
      }),
      async ({ target: name, host, port, method, path, binary }) => {
        const { compiled, grants, own, general } = await desk.effective(name);
        const question = {
          host,
          port,
          ...(method === undefined ? {} : { method }),
          ...(path === undefined ? {} : { path }),
          ...(binary === undefined ? {} : { binary }),
        };
        const answer = explain(compiled, question, grants);
        if (!answer)
          throw new Fault({ code: "bad-params", message: `${host} or ${path ?? "/"} is malformed` });
        const { decision, ...rest } = answer;
        const { verdict, reason, layer, rule, inspect } = decision;
        const versions = { default: general.source.number, own: own.source.number };
        return {
          target: name,
          ...rest,
          verdict,
          reason,
          layer,
          rule,
          inspect,
          versions,
          hash: compiled.hash,
        };
      },
    ),
  };
}

const setParams = z.strictObject({
  target,
  text,
  file: z.string().min(1).max(512).default("policy.yaml"),
  dryRun,
  expected: z.number().int().min(0).optional(),
  ...author,
});

function optionsOf(given: {
  by: string;
  note: string;
  dryRun: boolean;
  expected?: number | undefined;
}): ChangeOptions {
  const { by, note, dryRun, expected } = given;
  return { by, note, dryRun, ...(expected === undefined ? {} : { expected }) };
}

/** What is there, to be changed; what nothing was ever set for starts from the blueprint's or from a blank file. */
function draftOf(name: string, desk: PolicyDesk, { revision }: Present): Draft {
  const { file, presets } = revision ?? { file: "policy.yaml", presets: [] };
  return { file, text: textOf(name, desk, { revision, layer: undefined }), presets };
}

function textOf(name: string, desk: PolicyDesk, { revision }: Present): string {
  return revision?.text ?? (name === DEFAULT_TARGET ? desk.book.base.source.text : BLANK_POLICY);
}

function nameTaken(preset: string): Fault {
  return new Fault({
    code: "preset-name-taken",
    message: `${preset} is a preset of this product`,
    hint: "give the one in the file another name",
  });
}

function notApplied(name: string, preset: string): Fault {
  return new Fault({
    code: "preset-not-applied",
    message: `preset ${preset} is not in force for ${name}`,
    hint: "nemoclaw policy-list shows which are",
  });
}
