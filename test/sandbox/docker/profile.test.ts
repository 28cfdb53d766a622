/** The Docker profile says the same as the rules: every test of an argument, evaluated as libseccomp does. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { dockerProfile, type Rule, SANDBOX_RULES } from "../../../src/sandbox/seccomp/index.ts";

const profile = dockerProfile(SANDBOX_RULES, "x64");
const and32 = (a: number, b: number) => Number(BigInt(a) & BigInt(b));

/** What the profile does with a call; numbers are 32 bits, as the kernel sees these arguments. */
function refusedByProfile(name: string, args: readonly number[]): boolean {
  return profile.syscalls.some(
    (entry) =>
      entry.names.includes(name) &&
      entry.args.every(({ index, op, value, valueTwo }) => {
        const arg = args[index] ?? 0;
        return op === "SCMP_CMP_GT" ? arg > value : and32(arg, value) === valueTwo;
      }),
  );
}

/** What the rules say. */
function refusedByRules(name: string, args: readonly number[]): boolean {
  return SANDBOX_RULES.some(
    (rule: Rule) =>
      (rule.calls as readonly string[]).includes(name) &&
      (rule.when ?? []).every((when) => {
        const value = when.mask === undefined ? (args[when.arg] ?? 0) : and32(args[when.arg] ?? 0, when.mask);
        return when.in ? when.in.includes(value) : !when.notIn?.includes(value);
      }),
  );
}

const interesting = fc.oneof(
  fc.integer({ min: 0, max: 64 }),
  fc.constantFrom(
    0x5412,
    0x541c,
    0x5423,
    0x2_0000,
    0x2_0008,
    0xffff_ffff,
    0x1000_0000,
    0x80,
    0x7e02_0080,
    0x800,
  ),
  fc.integer({ min: 0, max: 0xffff_ffff }),
);

for (const name of ["socket", "socketpair", "clone", "ioctl", "personality"]) {
  test(`${name}: the same calls are refused`, () => {
    fc.assert(
      fc.property(fc.array(interesting, { minLength: 3, maxLength: 3 }), (args) => {
        assert.equal(refusedByProfile(name, args), refusedByRules(name, args), JSON.stringify(args));
      }),
      { numRuns: 2_000 },
    );
  });
}

test("calls without conditions are refused, with their own errno", () => {
  for (const rule of SANDBOX_RULES.filter(({ when }) => !when))
    for (const call of rule.calls) assert.ok(refusedByProfile(call, []), call);
  const clone3 = profile.syscalls.find(({ names }) => names.includes("clone3"));
  assert.equal(clone3?.errnoRet, 38);
  assert.ok(!refusedByProfile("read", []));
});

test("one processor's calls only, and small enough for a filter", () => {
  assert.deepEqual(profile.architectures, ["SCMP_ARCH_X86_64"]);
  assert.deepEqual(dockerProfile([], "arm64").architectures, ["SCMP_ARCH_AARCH64"]);
  assert.ok(profile.syscalls.length < 400, `${profile.syscalls.length} entries`);
});
