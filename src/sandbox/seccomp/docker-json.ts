/**
 * Rules → a seccomp profile as Docker takes it. Pure. The same rules as the BPF filter, with what the format lacks spelt
 * out: a test "not one of these" becomes the aligned blocks of numbers between them, since runc can't combine two tests
 * of one argument.
 */
import { ERRNO, type Rule } from "./rules.ts";

/** One test of an argument, in libseccomp's terms. */
interface Compared {
  index: number;
  op: "SCMP_CMP_MASKED_EQ" | "SCMP_CMP_GT";
  value: number;
  valueTwo: number;
}

/** A profile; what isn't named is allowed. */
export interface DockerProfile {
  defaultAction: "SCMP_ACT_ALLOW";
  architectures: string[];
  syscalls: { names: string[]; action: "SCMP_ACT_ERRNO"; errnoRet: number; args: Compared[] }[];
}

const ALL = 0xffff_ffff;

/**
 * The profile of `rules`. Calls of other architectures (x32 and i386 on x64) end the process. Calls that are newer than
 * the rules pass here and are refused by the stage's filter: the format has no "every other number".
 */
export function dockerProfile(rules: readonly Rule[], arch: "x64" | "arm64"): DockerProfile {
  return {
    defaultAction: "SCMP_ACT_ALLOW",
    architectures: [arch === "x64" ? "SCMP_ARCH_X86_64" : "SCMP_ARCH_AARCH64"],
    syscalls: rules.flatMap((rule) =>
      combinations((rule.when ?? []).map(alternatives)).map((args) => ({
        names: [...rule.calls],
        action: "SCMP_ACT_ERRNO" as const,
        errnoRet: ERRNO[rule.errno],
        args,
      })),
    ),
  };
}

/** The tests of one argument of which any may hold. */
function alternatives(test: NonNullable<Rule["when"]>[number]): Compared[] {
  const { arg: index, mask = ALL } = test;
  const equal = (within: number, datum: number): Compared => ({
    ...{ index, op: "SCMP_CMP_MASKED_EQ", value: within, valueTwo: datum },
  });
  if (test.in) return test.in.map((value) => equal(mask, value));
  const excluded = test.notIn ?? [];
  const highest = Math.max(...excluded);
  if (test.mask !== undefined || highest > ALL / 2) {
    return blocks(bitsOf(mask), 0, 0, excluded).map(({ within, datum }) => equal(within, datum));
  }
  // Numbers up to the next power of two one block after the other, everything above by one comparison.
  let power = 1;
  while (power <= highest) power *= 2;
  const low = bitsOf(power - 1);
  return [
    ...blocks(low, ALL - (power - 1), 0, excluded).map(({ within, datum }) => equal(within, datum)),
    { index, op: "SCMP_CMP_GT", value: power - 1, valueTwo: 0 },
  ];
}

/** Bits of a mask, the highest first. */
function bitsOf(mask: number): number[] {
  return Array.from({ length: 32 }, (_, i) => 2 ** (31 - i)).filter(
    (bit) => Math.floor(mask / bit) % 2 === 1,
  );
}

/** Everything but `excluded`, as numbers that agree with `datum` in the bits of `within`. */
function blocks(
  bits: readonly number[],
  within: number,
  datum: number,
  excluded: readonly number[],
): { within: number; datum: number }[] {
  if (excluded.length === 0) return [{ within, datum }];
  const [bit, ...rest] = bits;
  if (bit === undefined) return [];
  return [0, 1].flatMap((set) =>
    blocks(
      rest,
      within + bit,
      datum + set * bit,
      excluded.filter((value) => Math.floor(value / bit) % 2 === set),
    ),
  );
}

/** One of each list, in every combination. */
function combinations(lists: readonly (readonly Compared[])[]): Compared[][] {
  return lists.reduce<Compared[][]>(
    (found, list) => found.flatMap((begun) => list.map((next) => [...begun, next])),
    [[]],
  );
}
