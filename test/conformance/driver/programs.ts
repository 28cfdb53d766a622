/** Whose connection to the proxy it is: the launcher looks it up from outside, the same for every driver. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { SandboxInfo } from "../../../src/sandbox/driver.ts";
import { LauncherClient } from "../../../src/sandbox/launcher/index.ts";
import { type Host, until } from "../../sandbox/harness.ts";
import type { Stage } from "./stages.ts";

const PERL = "/usr/bin/perl";
/** In the forwarder's place: takes every client, writes down its port, says nothing. */
const LISTENER = `use IO::Socket::INET; $| = 1;
my $l = IO::Socket::INET->new(Listen => 50, LocalAddr => "127.0.0.1", LocalPort => 3128, ReuseAddr => 1) or die;
my @kept; while (my $c = $l->accept) { push @kept, $c; open my $f, ">>", "/home/sandbox/ports"; print $f $c->peerport, "\\n" }`;
const CONNECT = `use IO::Socket::INET; my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => 3128) or die;`;

/** All of it over one driver; what can go wrong in looking: test/sandbox/process/program.test.ts. */
export function programsSuite(stage: Stage): void {
  describe(`programs, ${stage.name}`, () => {
    let host: Host;
    let box: SandboxInfo;
    let gateway: LauncherClient;

    before(async () => {
      host = await stage.host();
      await host.start();
      box = await host.sandbox("w");
      gateway = new LauncherClient({ socket: host.paths.launcher.gatewaySocket });
      host.launch(box, "guest", [PERL, "-e", LISTENER]);
      const table = () => readFileSync(`/proc/${box.pid}/net/tcp`, "utf8");
      await until(() => table().includes("0100007F:0C38 00000000:0000"), 5_000, "somebody listens");
    });
    after(async () => {
      gateway?.close();
      await host?.dispose();
    });

    /** Lets the agent start a program that connects; resolves with the port it got. */
    async function connected(...words: string[]): Promise<number> {
      const file = join(host.homeOf(box), "ports");
      const ports = () => (existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : []);
      const known = ports().length;
      host.launch(box, "agent", words);
      await until(() => ports().length > known, 5_000, `${words[0]} connects`);
      return Number(ports()[known]);
    }

    test("each connection is its program's, by the path that it has inside", async () => {
      const perl = await connected(PERL, "-e", `${CONNECT} sleep 60`);
      const curl = await connected("/usr/bin/curl", "-s", "-x", "http://127.0.0.1:3128", "http://a.test/");
      assert.equal(await gateway.programOf(box.id, perl), PERL);
      assert.equal(await gateway.programOf(box.id, curl), "/usr/bin/curl");
    });

    test("shared by two, vanished, or nobody's: unknown", async () => {
      const shared = await connected(PERL, "-e", `${CONNECT} fork; sleep 60`);
      const brief = await connected(PERL, "-e", `${CONNECT} select undef, undef, undef, 0.3`);
      await new Promise((resolve) => setTimeout(resolve, 600));
      for (const port of [shared, brief, 1]) assert.equal(await gateway.programOf(box.id, port), undefined);
    });
  });
}
