/** The seccomp filters, judged by an interpreter of classic BPF: what each call gets, on both processors. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  AGENT_RULES,
  type Arch,
  CALLS,
  type CallName,
  callNumber,
  compileFilter,
  ERRNO,
  NEWEST_CALL,
  SANDBOX_RULES,
} from "../../../src/sandbox/seccomp/index.ts";

const AUDIT: Record<Arch, number> = { x64: 0xc000003e, arm64: 0xc00000b7 };

/** Runs a filter on one call; returns `allow`, `kill` or the errno's name. */
function run(filter: Uint8Array, nr: number, args: (number | bigint)[], audit: number): string {
  const data = new DataView(new ArrayBuffer(64));
  data.setUint32(0, nr, true);
  data.setUint32(4, audit, true);
  args.forEach((arg, i) => {
    data.setBigUint64(16 + 8 * i, BigInt.asUintN(64, BigInt(arg)), true);
  });
  const code = new DataView(filter.buffer);
  let a = 0;
  for (let pc = 0, steps = 0; ; pc++) {
    assert.ok(pc * 8 < filter.length, "ran off the end");
    assert.ok(++steps < 4096, "does not end");
    const [op, jt, jf, k] = [
      code.getUint16(pc * 8, true),
      code.getUint8(pc * 8 + 2),
      code.getUint8(pc * 8 + 3),
      code.getUint32(pc * 8 + 4, true),
    ];
    if (op === 0x20) a = data.getUint32(k, true);
    else if (op === 0x54) a = (a & k) >>> 0;
    else if (op === 0x15) pc += a === k ? jt : jf;
    else if (op === 0x25) pc += a > k ? jt : jf;
    else if (op === 0x45) pc += (a & k) !== 0 ? jt : jf;
    else if (op === 0x06) {
      if (k === 0x7fff0000) return "allow";
      if (k === 0x80000000) return "kill";
      assert.equal(k >>> 16, 5, "an action that the filters don't use");
      return Object.entries(ERRNO).find(([, n]) => n === (k & 0xffff))?.[0] ?? String(k & 0xffff);
    } else assert.fail(`unknown instruction ${op}`);
  }
}

for (const arch of ["x64", "arm64"] as const) {
  const filter = compileFilter(SANDBOX_RULES, arch);
  const agent = compileFilter(AGENT_RULES, arch);
  const call = (name: CallName, ...args: (number | bigint)[]) =>
    run(filter, callNumber(name, arch) ?? assert.fail(`no ${name}`), args, AUDIT[arch]);

  describe(`seccomp, ${arch}`, () => {
    test("every unconditional rule refuses every one of its calls, whatever its arguments", () => {
      for (const rule of SANDBOX_RULES) {
        assert.ok(rule.why.length > 5, `${rule.calls} has no reason`);
        if (rule.when) continue;
        for (const name of rule.calls) {
          const nr = callNumber(name, arch);
          if (nr === undefined) continue;
          for (const value of [0, -1, 0x7fffffff]) {
            assert.equal(run(filter, nr, [value, value, value], AUDIT[arch]), rule.errno, name);
          }
        }
      }
    });

    test("calls that no rule names are allowed", () => {
      const named = new Set(SANDBOX_RULES.flatMap((r) => r.calls).map((name) => callNumber(name, arch)));
      for (let nr = 0; nr <= NEWEST_CALL; nr++) {
        if (!named.has(nr)) assert.equal(run(filter, nr, [0, 0, 0], AUDIT[arch]), "allow", `call ${nr}`);
      }
    });

    test("another processor's calls end the process", () => {
      for (const audit of [0x40000003, 0x40000028, AUDIT[arch === "x64" ? "arm64" : "x64"]]) {
        assert.equal(run(filter, 0, [], audit), "kill");
        assert.equal(run(agent, 0, [], audit), "kill");
      }
    });

    test("calls newer than the rules, and x32's, don't exist", () => {
      assert.equal(run(filter, NEWEST_CALL + 1, [], AUDIT[arch]), "ENOSYS");
      assert.equal(run(filter, 0x40000000, [], AUDIT[arch]), "ENOSYS");
      assert.equal(run(agent, 0x40000029, [1, 1, 0], AUDIT[arch]), "ENOSYS");
    });

    test("clone: threads and forks yes, any namespace no", () => {
      assert.equal(call("clone", 0x3d0f00), "allow"); // glibc's pthread_create
      assert.equal(call("clone", 0x01200011), "allow"); // glibc's fork
      assert.equal(call("clone", 0x4111), "allow"); // vfork, SIGCHLD
      for (const flag of [
        0x80, 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000,
      ]) {
        assert.equal(call("clone", flag | 17), "EPERM", flag.toString(16));
      }
      assert.equal(call("clone", 0xffff_ffff_1000_0011n), "EPERM");
      assert.equal(call("clone3", 0, 0), "ENOSYS");
    });

    test("sockets: unix, TCP, UDP and netlink's route; nothing else", () => {
      const [STREAM, DGRAM, RAW, CLOEXEC] = [1, 2, 3, 0x80000];
      assert.equal(call("socket", 1, STREAM | CLOEXEC, 0), "allow");
      for (const family of [2, 10]) {
        assert.equal(call("socket", family, STREAM | CLOEXEC, 6), "allow");
        assert.equal(call("socket", family, DGRAM, 17), "allow");
        assert.equal(call("socket", family, RAW | CLOEXEC, 255), "EPERM");
        assert.equal(call("socket", family, 10, 0), "EPERM");
        for (const protocol of [1, 58, 132, 256, 262]) {
          assert.equal(call("socket", family, DGRAM, protocol), "EPROTONOSUPPORT", `protocol ${protocol}`);
        }
      }
      assert.equal(call("socket", 16, RAW | CLOEXEC, 0), "allow");
      for (const protocol of [4, 9, 12, 15, 16, 21])
        assert.equal(call("socket", 16, RAW, protocol), "EPROTONOSUPPORT");
      for (let family = 0; family < 64; family++) {
        if (![1, 2, 10, 16].includes(family))
          assert.equal(call("socket", family, STREAM, 0), "EAFNOSUPPORT", `${family}`);
      }
      assert.equal(call("socket", 0x1_0000_0028n, STREAM, 0), "EAFNOSUPPORT", "vsock with high bits set");
      assert.equal(call("socketpair", 1, STREAM, 0), "allow");
      assert.equal(call("socketpair", 30, STREAM, 0), "EAFNOSUPPORT");
    });

    test("terminals: no typing for others", () => {
      for (const request of [0x5412, 0x541c, 0x5423]) assert.equal(call("ioctl", 0, request), "EPERM");
      assert.equal(call("ioctl", 0, 0xdead_0000_5412n), "EPERM", "high bits are ignored by the kernel");
      for (const request of [0x5401, 0x5413, 0x5421, 0x541b])
        assert.equal(call("ioctl", 0, request), "allow");
    });

    test("personality: asking only", () => {
      assert.equal(call("personality", 0xffffffff), "allow");
      assert.equal(call("personality", 0), "allow");
      assert.equal(call("personality", 0x0040000), "EPERM");
    });

    test("agent: no unix socket, pairs stay", () => {
      assert.equal(run(agent, callNumber("socket", arch)!, [1, 1, 0], AUDIT[arch]), "EPERM");
      assert.equal(run(agent, callNumber("socket", arch)!, [2, 1, 0], AUDIT[arch]), "allow");
      assert.equal(run(agent, callNumber("socketpair", arch)!, [1, 1, 0], AUDIT[arch]), "allow");
    });

    test("size: as reviewed", () => {
      assert.equal(filter.length / 8, arch === "x64" ? 138 : 128);
      assert.equal(agent.length / 8, arch === "x64" ? 13 : 12);
    });
  });
}

test("no number stands for two calls", () => {
  for (const index of [0, 1] as const) {
    const all = Object.values(CALLS).flatMap((c) => c[index] ?? []);
    assert.equal(new Set(all).size, all.length);
  }
});
