/**
 * Rules → classic BPF, as seccomp(2) takes it: 8 bytes an instruction, little-endian (both processors are).
 * Pure. A filter must refuse by itself whatever it can't read: another processor's calls end the process.
 */
import { type Arch, callNumber, NEWEST_CALL } from "./calls.ts";
import { ERRNO, type Rule } from "./rules.ts";

// linux/bpf_common.h
const LD_ABS = 0x20;
const JEQ = 0x15;
const JGT = 0x25;
const JSET = 0x45;
const AND = 0x54;
const RET = 0x06;
// linux/seccomp.h: struct seccomp_data {int nr; u32 arch; u64 ip; u64 args[6]}
const NR = 0;
const ARCH = 4;
const argLow = (index: number) => 16 + index * 8;
const ALLOW = 0x7fff_0000;
const KILL_PROCESS = 0x8000_0000;
const fail = (errno: number) => 0x0005_0000 | errno;
// linux/audit.h
const AUDIT_ARCH: Record<Arch, number> = { x64: 0xc000_003e, arm64: 0xc000_00b7 };
const X32_BIT = 0x4000_0000;

interface Instruction {
  code: number;
  k: number;
  /** Labels to jump to; undefined = the next instruction. */
  yes?: string | undefined;
  no?: string | undefined;
}

/** Collects instructions and labels; jumps are resolved at the end. */
class Assembler {
  private readonly instructions: Instruction[] = [];
  private readonly labels = new Map<string, number>();
  private fresh = 0;

  label(prefix: string): string {
    return `${prefix}${this.fresh++}`;
  }

  put(label: string): void {
    this.labels.set(label, this.instructions.length);
  }

  add(code: number, k: number, yes?: string, no?: string): void {
    this.instructions.push({ code, k, yes, no });
  }

  bytes(): Uint8Array {
    const out = new DataView(new ArrayBuffer(this.instructions.length * 8));
    const offset = (label: string | undefined, from: number) => {
      if (label === undefined) return 0;
      const distance = (this.labels.get(label) ?? Number.NaN) - from - 1;
      if (!(distance >= 0 && distance <= 255)) throw new RangeError(`seccomp: no jump to ${label}`);
      return distance;
    };
    this.instructions.forEach(({ code, k, yes, no }, i) => {
      out.setUint16(i * 8, code, true);
      out.setUint8(i * 8 + 2, offset(yes, i));
      out.setUint8(i * 8 + 3, offset(no, i));
      out.setUint32(i * 8 + 4, k >>> 0, true);
    });
    return new Uint8Array(out.buffer);
  }
}

/** The filter of `rules` for `arch`. Order doesn't matter: the first rule that holds decides, the rest is allowed. */
export function compileFilter(rules: readonly Rule[], arch: Arch): Uint8Array {
  const asm = new Assembler();
  asm.add(LD_ABS, ARCH);
  asm.add(JEQ, AUDIT_ARCH[arch], "known");
  asm.add(RET, KILL_PROCESS);
  asm.put("known");
  asm.add(LD_ABS, NR);
  if (arch === "x64") asm.add(JSET, X32_BIT, "ENOSYS");
  asm.add(JGT, NEWEST_CALL, "ENOSYS");

  for (const rule of rules.filter((r) => r.when))
    for (const nr of numbers(rule, arch)) conditional(asm, rule, nr);
  const used = new Set<keyof typeof ERRNO>(["ENOSYS"]);
  for (const rule of rules.filter((r) => !r.when)) {
    used.add(rule.errno);
    for (const nr of numbers(rule, arch)) asm.add(JEQ, nr, rule.errno);
  }
  asm.add(RET, ALLOW);
  for (const errno of used) {
    asm.put(errno);
    asm.add(RET, fail(ERRNO[errno]));
  }
  return asm.bytes();
}

function numbers(rule: Rule, arch: Arch): number[] {
  return rule.calls.flatMap((name) => callNumber(name, arch) ?? []);
}

/** One call with tests of its arguments. Where a test fails, the number is loaded again for the rules after. */
function conditional(asm: Assembler, rule: Rule, nr: number): void {
  const [next, reload] = [asm.label("next"), asm.label("reload")];
  asm.add(JEQ, nr, undefined, next);
  for (const test of rule.when ?? []) {
    const holds = asm.label("holds");
    asm.add(LD_ABS, argLow(test.arg));
    if (test.mask !== undefined) asm.add(AND, test.mask);
    const values = test.in ?? test.notIn ?? [];
    values.forEach((value, i) => {
      const last = i === values.length - 1;
      if (test.in) asm.add(JEQ, value, holds, last ? reload : undefined);
      else asm.add(JEQ, value, reload, last ? holds : undefined);
    });
    asm.put(holds);
  }
  asm.add(RET, fail(ERRNO[rule.errno]));
  asm.put(reload);
  asm.add(LD_ABS, NR);
  asm.put(next);
}
