/**
 * Files of chats through a real worker and the real guest (fake agent): into the inbox before the agent is asked, out of the
 * outbox with its answer; caps, hostile names, links, and a worker that dies in between.
 */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import fc from "fast-check";
import { principalOf } from "../../src/lib/ids.ts";
import { Spool } from "../../src/lib/spool.ts";
import { type AnswerRecord, type Attachment, repeated } from "../../src/store/index.ts";
import { mimeOf, namedFiles, plainName } from "../../src/worker/file-names.ts";
import { GuestDriver } from "./helpers/guest-driver.ts";
import { eventually, Harness } from "./helpers/harness.ts";

describe("names", () => {
  it("become one plain name, whatever they were", () => {
    for (const [name, plain] of [
      ["report.pdf", "report.pdf"],
      ["../../etc/passwd", "passwd"],
      ["C:\\Users\\me\\x.txt", "x.txt"],
      [".bashrc", "bashrc"],
      ["-rf", "rf"],
      ["a\nb\u202egnp.exe", "a_b_gnp.exe"],
      ["  Übung  1 .txt ", "Übung 1 .txt"],
      ["", "file"],
      ["...", "file"],
      ["📎.jpg", "📎.jpg"],
      [`${"ü".repeat(300)}.jpeg`, `${"ü".repeat(87)}.jpeg`],
    ] as const)
      assert.equal(plainName(name), plain, JSON.stringify(name));
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 400 }), (name) => {
        const plain = plainName(name);
        assert.match(plain, /^[^/\\\0\n.-][^/\\\0\n]*$/);
        assert.ok(Buffer.byteLength(plain) <= 200);
        assert.equal(plainName(plain), plain, "stable");
      }),
    );
  });

  it("of an answer's marker lines: local files only, never in code, the line goes", () => {
    const said = [
      "Here:",
      "MEDIA:/home/sandbox/out/a.png",
      " MEDIA: 'plot one.svg'",
      "MEDIA:~/b.pdf",
      "MEDIA:/etc/passwd",
      "MEDIA:https://evil.example/x.png",
      "```",
      "MEDIA:/home/sandbox/in-code.png",
      "```",
      "see MEDIA:/home/sandbox/in-text.png",
    ].join("\n");
    const { text, files } = namedFiles(said);
    assert.deepEqual(files, [
      { name: "a.png", path: "out/a.png" },
      { name: "plot one.svg", path: "workspace/plot one.svg" },
      { name: "b.pdf", path: "b.pdf" },
      { name: "passwd", path: "" },
    ]);
    assert.deepEqual(text.split("\n").length, 6);
    assert.match(text, /evil\.example[\s\S]*in-code[\s\S]*in-text/);
    assert.deepEqual(namedFiles("no files\n"), { text: "no files\n", files: [] });
    assert.deepEqual(
      [mimeOf("A.PNG"), mimeOf("x"), mimeOf("x.docx")],
      ["image/png", ...Array(2).fill("application/octet-stream")],
    );
  });
});

describe("files of turns", () => {
  let h: Harness;
  let driver: GuestDriver;
  let spool: { in: Spool; out: Spool };
  let updates = 0;
  before(async () => {
    h = await Harness.start((paths) => {
      driver = new GuestDriver(paths);
      return driver;
    });
    await h.worker();
    spool = { in: new Spool(h.paths.spool.in), out: new Spool(h.paths.spool.out) };
  });
  after(async () => {
    await driver.closeAll();
    await h.stop();
  });

  const sha = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
  const homeOf = (user: string) => join(driver.dir(principalOf("console", user)), "home");
  async function attach(name: string, bytes: Buffer): Promise<Attachment> {
    const spooled = await spool.in.put([bytes], { maxBytes: 50_000_000 });
    return { name, mime: "application/octet-stream", ...spooled };
  }
  async function send(user: string, text: string, attachments: Attachment[] = []): Promise<void> {
    await h.bridge.ingress("console").accept({
      ...{ conversation: `console.${user}`, bridge: "console", principal: principalOf("console", user) },
      ...{ updateKey: `f${++updates}`, deliver: { chat: user }, sender: { id: user, name: user }, text },
      ...(attachments.length > 0 ? { attachments } : {}),
    });
  }
  async function answer(user: string, n: number): Promise<AnswerRecord["body"] & { kind: "final" }> {
    await h.until(user, n, 60_000);
    const body = (await h.answers(user)).at(n - 1)?.body;
    assert.equal(body?.kind, "final", JSON.stringify(body));
    return body as AnswerRecord["body"] & { kind: "final" };
  }
  async function bytesOf(attachment: Attachment): Promise<Buffer> {
    const file = await spool.out.open(attachment);
    assert.ok(file, `${attachment.name} is in the spool`);
    const bytes = await file.readFile();
    await file.close();
    assert.equal(sha(bytes), attachment.sha256);
    return bytes;
  }

  it("in: byte for byte, names made plain, nothing overwritten, the agent is told, the spool is emptied", async () => {
    const big = randomBytes(20_000_000);
    const [one, other] = [randomBytes(1_000), randomBytes(1_000)];
    const files = [
      await attach("big.bin", big),
      await attach("../../.ssh/photo.jpg", one),
      await attach("photo.jpg", other),
      await attach("photo.jpg", one),
      await attach("huge.iso", randomBytes(20_000_001)),
    ];
    const gone = await attach("gone.txt", one);
    await spool.in.remove(gone.spool);
    await send("ann", "look", [...files, gone]);
    const { markdown } = await answer("ann", 1);
    const inbox = join(homeOf("ann"), "inbox");
    assert.deepEqual(readdirSync(inbox).sort(), ["big.bin", "photo (2).jpg", "photo.jpg"]);
    assert.equal(sha(readFileSync(join(inbox, "big.bin"))), sha(big));
    assert.ok(readFileSync(join(inbox, "photo.jpg")).equals(one));
    assert.ok(readFileSync(join(inbox, "photo (2).jpg")).equals(other));
    assert.match(markdown, /^echo: look\n\n\[Files that came/);
    assert.match(markdown, /- ~\/inbox\/big\.bin \(application\/octet-stream, 20000000 bytes\)/);
    assert.match(
      markdown,
      /- huge\.iso: not saved, it is too large\n- gone\.txt: not saved, it is no longer there/,
    );
    await eventually(() => readdirSync(h.paths.spool.in).length === 0);
  });

  it("in: without a word of text, and through a link that the agent put there", async () => {
    const inbox = join(homeOf("ann"), "inbox");
    symlinkSync("/etc/hostname", join(inbox, "linked.txt"));
    await send("ann", "", [await attach("linked.txt", Buffer.from("mine"))]);
    assert.match(
      (await answer("ann", 2)).markdown,
      /^echo: \[Files that came.*\n- ~\/inbox\/linked \(2\)\.txt/,
    );
    assert.equal(readFileSync(join(inbox, "linked (2).txt"), "utf8"), "mine");
  });

  it("out: what lies in the outbox goes with the answer, once; links and folders stay", async () => {
    const outbox = join(homeOf("ann"), "outbox");
    const bytes = randomBytes(3_000_000);
    writeFileSync(join(outbox, "report.pdf"), bytes);
    writeFileSync(join(outbox, "empty.txt"), "");
    symlinkSync("/etc/passwd", join(outbox, "stolen"));
    mkdirSync(join(outbox, "folder"));
    await send("ann", "send it");
    const { markdown, attachments = [], omitted } = await answer("ann", 3);
    assert.equal(markdown, "echo: send it");
    assert.deepEqual(
      attachments.map(({ name, mime, size }) => [name, mime, size]),
      [
        ["empty.txt", "text/plain", 0],
        ["report.pdf", "application/pdf", 3_000_000],
      ],
    );
    assert.ok((await bytesOf(attachments[1]!)).equals(bytes));
    assert.equal(omitted, undefined);
    await eventually(() => !readdirSync(join(outbox, ".sent")).some((name) => name.startsWith("t_")));
    await send("ann", "again");
    assert.equal((await answer("ann", 4)).attachments, undefined);
    assert.deepEqual(readdirSync(outbox).sort(), [".sent", "folder", "stolen"]);
  });

  it("out: named by the marker; what is missing, too large or too many is said", async () => {
    const home = homeOf("ann");
    writeFileSync(join(home, "workspace/plot.png"), "png");
    for (let i = 10; i < 22; i++) writeFileSync(join(home, `outbox/${i}.txt`), `${i}`);
    await send("ann", "see\nMEDIA:plot.png\nMEDIA:no-such.png\nMEDIA:/etc/passwd");
    const many = await answer("ann", 5);
    assert.equal(many.markdown, "echo: see");
    assert.equal(many.attachments?.length, 10);
    assert.deepEqual(
      many.omitted?.map(({ name, why }) => `${name} ${why}`),
      ["20.txt too-many", "21.txt too-many", "plot.png too-many", "no-such.png too-many", "passwd too-many"],
    );
    await send("ann", "see\nMEDIA:plot.png\nMEDIA:no-such.png\nMEDIA:/etc/passwd");
    const some = await answer("ann", 6);
    assert.deepEqual(
      some.attachments?.map(({ name }) => name),
      ["plot.png"],
    );
    assert.deepEqual(
      some.omitted?.map(({ name, why }) => `${name} ${why}`),
      ["no-such.png missing", "passwd missing"],
    );
    writeFileSync(join(home, "outbox/large.bin"), Buffer.alloc(50_000_001));
    await send("ann", "large");
    assert.deepEqual((await answer("ann", 7)).omitted, [
      { name: "large.bin", why: "too-large", size: 50_000_001 },
    ]);
  });

  it("a turn that failed keeps its files for a retry", async () => {
    const bytes = randomBytes(10_000);
    await send("eve", "status 400", [await attach("again.bin", bytes)]);
    await h.until("eve", 1, 60_000);
    assert.deepEqual(await h.said("eve"), ["failed: agent-error"]);
    assert.equal(readdirSync(h.paths.spool.in).length, 1);
    const [failed] = await h.answers("eve");
    const turn = await h.bridge.turns.finished("console.eve", failed?.turnId ?? "");
    assert.ok(turn);
    rmSync(join(homeOf("eve"), "inbox/again.bin"));
    await send("eve", repeated(turn).text ?? "", repeated(turn).attachments);
    await h.until("eve", 2, 60_000);
    assert.ok(readFileSync(join(homeOf("eve"), "inbox/again.bin")).equals(bytes));
  });

  it("a worker that dies before the answer is stored: the next one sends the same files, once", async () => {
    await h.closeWorkers();
    const first = await h.child({ failpoint: "settle.before-script" });
    const died = new Promise((resolve) => first.once("exit", resolve));
    await send("bob", "run mkdir -p ~/outbox; echo kept > ~/outbox/kept.txt", [
      await attach("in.txt", Buffer.from("in")),
    ]);
    await died;
    assert.equal((await h.answers("bob")).length, 0);
    assert.ok(existsSync(join(homeOf("bob"), "outbox/.sent")));
    await h.child();
    const { attachments = [] } = await answer("bob", 1);
    assert.deepEqual(
      attachments.map(({ name }) => name),
      ["kept.txt"],
    );
    assert.equal((await bytesOf(attachments[0]!)).toString(), "kept\n");
    assert.equal(readFileSync(join(homeOf("bob"), "inbox/in.txt"), "utf8"), "in");
    assert.deepEqual(readdirSync(join(homeOf("bob"), "inbox")), ["in.txt"]);
  });
});
