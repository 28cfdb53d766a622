/** Which program holds a connection to the proxy, of real sandboxes; and how the kernel's table is read. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { SandboxInfo } from "../../../src/sandbox/driver.ts";
import { endsOf, findInode } from "../../../src/sandbox/host/socket-table.ts";
import { LauncherClient } from "../../../src/sandbox/launcher/index.ts";
import { Host, isRoot, RUN_AS, until } from "../harness.ts";

const HEAD =
  "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
const ROWS = {
  listening:
    "   0: 0100007F:0C38 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 7001 1 0000000000000000 100 0 0 10 0\n",
  client:
    "   1: 0100007F:9C41 0100007F:0C38 01 00000000:00000000 00:00000000 00000000  1000        0 7002 1 0000000000000000 20 4 30 10 -1\n",
  proxySide:
    "   2: 0100007F:0C38 0100007F:9C41 01 00000000:00000000 00:00000000 00000000  1000        0 7003 1 0000000000000000 20 4 30 10 -1\n",
  elsewhere:
    "   3: 0100007F:9C42 0100007F:2328 01 00000000:00000000 00:00000000 00000000  1000        0 7004 1 0000000000000000 20 4 30 10 -1\n",
  otherAddress:
    "   4: 0200007F:9C43 0100007F:0C38 01 00000000:00000000 00:00000000 00000000  1000        0 7005 1 0000000000000000 20 4 30 10 -1\n",
  timeWait:
    "   5: 0100007F:9C44 0100007F:0C38 06 00000000:00000000 03:00001770 00000000     0        0 0 3 0000000000000000\n",
  mapped:
    "   0: 0000000000000000FFFF00000100007F:9C45 0000000000000000FFFF00000100007F:0C38 01 00000000:00000000 00:00000000 00000000  1000        0 7006 1 0000000000000000 20 4 30 10 -1\n",
};
const TCP = HEAD + Object.values(ROWS).slice(0, 6).join("");

describe("the kernel's table of connections", () => {
  const cases: [
    what: string,
    text: string,
    table: "tcp" | "tcp6",
    port: number,
    inode: string | undefined,
  ][] = [
    ["the client's side", TCP, "tcp", 40001, "7002"],
    ["a connection to something else", TCP, "tcp", 40002, undefined],
    ["the same port on another address of the loopback", TCP, "tcp", 40003, undefined],
    ["a connection that nobody holds any more", TCP, "tcp", 40004, undefined],
    ["a port that isn't there", TCP, "tcp", 40009, undefined],
    ["the proxy's own port", TCP, "tcp", 3128, undefined],
    ["an IPv4-mapped client", HEAD + ROWS.mapped, "tcp6", 40005, "7006"],
    ["an IPv4-mapped client is in no IPv4 table", HEAD + ROWS.mapped, "tcp", 40005, undefined],
    ["a row that is cut off", (HEAD + ROWS.client).slice(0, HEAD.length + 60), "tcp", 40001, undefined],
    [
      "a row cut off within its inode",
      `${(HEAD + ROWS.client).split(" 7002")[0]} 70`,
      "tcp",
      40001,
      undefined,
    ],
    ["nothing", "", "tcp", 40001, undefined],
  ];
  for (const [what, text, table, port, inode] of cases) {
    test(what, () => assert.equal(findInode(text, table, port), inode));
  }
  test("a port is written with four digits", () => {
    assert.equal(endsOf("tcp", 80), " 0100007F:0050 0100007F:0C38 ");
  });
});

const PERL = "/usr/bin/perl";
/** In the forwarder's place: takes every client, writes down its port, says nothing. */
const LISTENER = `use IO::Socket::INET; $| = 1;
my $l = IO::Socket::INET->new(Listen => 50, LocalAddr => "127.0.0.1", LocalPort => 3128, ReuseAddr => 1) or die;
my @kept; while (my $c = $l->accept) { push @kept, $c; open my $f, ">>", "/home/sandbox/ports"; print $f $c->peerhost, " ", $c->peerport, "\\n" }`;
const CONNECT = `use IO::Socket::INET; my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => 3128) or die;`;

const VARIANTS = [
  ...RUN_AS.map((as) => ({ as, delegation: true })),
  // Without control groups the sandbox's processes are found by descent.
  ...(isRoot ? [{ as: "user" as const, delegation: false }] : []),
];

for (const { as, delegation } of VARIANTS) {
  describe(`programs inside, service run as ${as}${delegation ? "" : " without control groups"}`, () => {
    let host: Host;
    let box: SandboxInfo;
    let other: SandboxInfo;
    let gateway: LauncherClient;
    const portsOf = (info: SandboxInfo) => {
      const file = join(host.homeOf(info), "ports");
      return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
    };

    before(async () => {
      host = new Host(as, delegation ? {} : { bestEffort: true }, delegation);
      await host.start();
      [box, other] = [await host.sandbox("a"), await host.sandbox("b")];
      gateway = new LauncherClient({ socket: host.paths.launcher.gatewaySocket });
      for (const info of [box, other]) {
        host.launch(info, "guest", [PERL, "-e", LISTENER]);
        await until(
          () => readFileSync(`/proc/${info.pid}/net/tcp`, "utf8").includes("0100007F:0C38 00000000:0000"),
          5_000,
          "somebody listens",
        );
      }
    });
    after(async () => {
      gateway?.close();
      await host.dispose();
    });

    /** Starts a program that connects; resolves with the port it got. */
    async function connected(info: SandboxInfo, ...words: string[]): Promise<number> {
      const known = portsOf(info).length;
      host.launch(info, "agent", words);
      await until(() => portsOf(info).length > known, 5_000, `${words[0]} connects`);
      return Number(portsOf(info)[known]?.split(" ")[1]);
    }
    const program = (port: number, info = box) => gateway.programOf(info.id, port);

    test("curl, perl and node are told apart", async () => {
      const curl = await connected(
        box,
        "/usr/bin/curl",
        "-s",
        "-x",
        "http://127.0.0.1:3128",
        "http://a.test/",
      );
      const perl = await connected(box, PERL, "-e", `${CONNECT} sleep 60`);
      const node = await connected(
        box,
        "/opt/node/bin/node",
        "-e",
        "require('node:net').connect(3128, '127.0.0.1'); setTimeout(() => {}, 60000)",
      );
      assert.equal(await program(curl), "/usr/bin/curl");
      assert.equal(await program(perl), PERL);
      assert.equal(await program(node), "/opt/node/bin/node");
      const times: number[] = [];
      for (let i = 0; i < 12; i++) {
        const began = performance.now();
        await program([curl, perl, node][i % 3] ?? 0);
        times.push(performance.now() - began);
      }
      times.sort((a, b) => a - b);
      console.log(`programOf as ${as}: median ${times[6]?.toFixed(2)} ms, max ${times[11]?.toFixed(2)} ms`);
      assert.ok((times[6] ?? 99) < 25, `median ${times[6]} ms`);
      assert.equal(await program(curl, other), undefined, "another sandbox's port");
    });

    test("a program that the agent brought is named where it lies; removed, it is unknown", async () => {
      const copy = (then: string) =>
        connected(box, "/bin/sh", "-c", `cp ${PERL} ~/mine && exec ~/mine -e '${CONNECT} ${then} sleep 60'`);
      assert.equal(await program(await copy("")), "/home/sandbox/mine");
      const port = await connected(
        box,
        "/bin/sh",
        "-c",
        `cp ${PERL} ~/gone && exec ~/gone -e 'unlink "/home/sandbox/gone"; ${CONNECT} sleep 60'`,
      );
      assert.equal(await program(port), undefined);
    });

    test("two processes that share the socket are unknown; once one has left, the other is known", async () => {
      const port = await connected(box, PERL, "-e", `${CONNECT} fork; sleep 60`);
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.equal(await program(port), undefined);
      const brief = await connected(box, PERL, "-e", `${CONNECT} if (!fork) { sleep 1; exit } sleep 60`);
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.equal(await program(brief), undefined);
      for (let i = 0; i < 40 && (await program(brief)) === undefined; i++)
        await new Promise((resolve) => setTimeout(resolve, 100));
      assert.equal(await program(brief), PERL);
    });

    test("who passes the socket on by exec is what it has become", async () => {
      const port = await connected(box, PERL, "-e", `$^F = 99; ${CONNECT} exec "/usr/bin/sleep", "60"`);
      for (let i = 0; i < 40 && (await program(port)) === PERL; i++)
        await new Promise((resolve) => setTimeout(resolve, 100));
      assert.equal(await program(port), "/usr/bin/sleep");
    });

    test("a vanished program is unknown", async () => {
      const port = await connected(box, PERL, "-e", `${CONNECT} sleep 1`);
      assert.equal(await program(port), PERL);
      for (let i = 0; i < 40 && (await program(port)) !== undefined; i++)
        await new Promise((resolve) => setTimeout(resolve, 100));
      assert.equal(await program(port), undefined);
    });

    test("sys-05: who connects by a relay isn't seen, the relay is", async () => {
      host.launch(box, "agent", [
        PERL,
        "-e",
        `use IO::Socket::INET; my $l = IO::Socket::INET->new(Listen => 5, LocalAddr => "127.0.0.1", LocalPort => 9000, ReuseAddr => 1) or die;
        my $c = $l->accept; open my $f, ">", "/home/sandbox/relayed"; print $f $c->peerport; close $f; ${CONNECT} print $s "x"; sleep 60`,
      ]);
      await until(
        () => readFileSync(`/proc/${box.pid}/net/tcp`, "utf8").includes("0100007F:2328 00000000:0000"),
        5_000,
        "the relay listens",
      );
      const port = await connected(
        box,
        "/usr/bin/curl",
        "-s",
        "-x",
        "http://127.0.0.1:9000",
        "http://a.test/",
      );
      assert.equal(await program(port), PERL);
      const curl = Number(readFileSync(join(host.homeOf(box), "relayed"), "utf8"));
      assert.equal(await program(curl), undefined, "it isn't connected to the proxy");
    });

    test("another address of the loopback isn't taken for the port's owner", async () => {
      const port = await connected(
        box,
        PERL,
        "-e",
        `use IO::Socket::INET; my $s = IO::Socket::INET->new(LocalAddr => "127.0.0.2", PeerAddr => "127.0.0.1", PeerPort => 3128) or die; sleep 60`,
      );
      assert.match(portsOf(box).at(-1) ?? "", /^127\.0\.0\.2 /);
      assert.equal(await program(port), undefined);
    });

    test("too many open files: unknown, and the launcher goes on", async () => {
      const port = await connected(
        box,
        PERL,
        "-e",
        `${CONNECT} my @k; for (1 .. 9000) { open my $f, "<", "/dev/null" or last; push @k, $f } open my $f, ">", "/home/sandbox/full"; close $f; sleep 60`,
      );
      await until(() => existsSync(join(host.homeOf(box), "full")), 10_000, "9000 files are open");
      const began = performance.now();
      assert.equal(await program(port), undefined);
      assert.ok(performance.now() - began < 250);
    });

    test("a sandbox that isn't there, and one that has stopped", async () => {
      await assert.rejects(gateway.programOf("p_zzzzzzzzzzzzzzzzzzzz", 40_000), /sandbox-unknown|no sandbox/);
      await assert.rejects(gateway.programOf(box.id, 70_000));
      await assert.rejects(host.client.programOf(box.id, 40_000), /may not/);
      await host.client.stop(other.id, "test");
      assert.equal(await program(40_000, other), undefined);
    });
  });
}
