/** Files both ways, byte for byte, each exactly once, whatever the network does. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import pino from "pino";
import { safeName } from "../../../src/bridges/telegram/files.ts";
import { principalOf } from "../../../src/lib/ids.ts";
import { Spool } from "../../../src/lib/spool.ts";
import type { Attachment, Heard, OmittedFile } from "../../../src/store/index.ts";
import type { FaultKind } from "../../fakes/telegram/index.ts";
import { until } from "../tiny-worker.ts";
import { ANN, BOB, type Setup, setUp } from "./setup.ts";

const PNG = Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), randomBytes(5_000)]);
const PDF = randomBytes(300_000);

describe("telegram files", () => {
  let s: Setup;
  let dir: string;
  let spools: { in: Spool; out: Spool };
  const lines: string[] = [];
  /** What a turn answers, by its text. */
  const answers = new Map<
    string,
    { attachments?: Attachment[]; omitted?: OmittedFile[]; heard?: Heard[]; markdown?: string }
  >();
  before(async () => {
    dir = mkdtempSync("/tmp/nc-files-");
    for (const name of ["in", "out"]) rmSync(join(dir, name), { recursive: true, force: true });
    const [inDir, outDir] = [mkdtempSync(join(dir, "in-")), mkdtempSync(join(dir, "out-"))];
    spools = { in: new Spool(inDir), out: new Spool(outDir) };
    s = await setUp(async (turn) => {
      const { markdown = "here you are", ...files } = answers.get(turn.text) ?? { markdown: "ok" };
      return { kind: "final", markdown, ...files };
    });
    await s.bridge.close(500);
    const roles: ReadonlySet<"user"> = new Set(["user"]);
    s.bridge = await s.start({
      owner: "bridge-files",
      files: { ...spools, inboundBytes: 1_000_000 },
      logger: pino({ level: "debug" }, { write: (line: string) => void lines.push(line) }),
      requestTimeoutMs: 700,
      admit: async ({ sender }) => ({
        ...{ kind: "admitted", roles, principal: principalOf("telegram", sender.id) },
      }),
    });
  });
  after(async () => {
    await s.close();
    rmSync(dir, { recursive: true, force: true });
  });
  const inDir = () => join(dir, readdirSync(dir).find((name) => name.startsWith("in-"))!);
  const outDir = () => join(dir, readdirSync(dir).find((name) => name.startsWith("out-"))!);
  const base64 = (bytes: Buffer) => bytes.toString("base64");
  async function bytesOf(attachment: Attachment): Promise<Buffer> {
    const file = await spools.in.open(attachment);
    assert.ok(file, "it lies in the spool");
    const bytes = await file.readFile();
    await file.close();
    return bytes;
  }
  async function outgoing(name: string, mime: string, bytes: Buffer): Promise<Attachment> {
    return { name, mime, ...(await spools.out.put([bytes], { maxBytes: bytes.length })) };
  }
  const turnOf = (text: string) =>
    until(() => s.worker.turns.find((turn) => turn.text === text), 5_000, `turn "${text}"`);
  const filesIn = (chat: number) => s.fake.bot.fromBot(chat).filter(({ file }) => file !== undefined);

  describe("in", () => {
    const kinds = [
      ["document", "report *1*.pdf", "report *1*.pdf", "application/octet-stream"],
      ["photo", "x", /^photo-\d+\.jpg$/, "image/jpeg"],
      ["voice", "x", /^voice-\d+\.ogg$/, "audio/ogg"],
      ["video_note", "x", /^video-note-\d+\.mp4$/, "video/mp4"],
      ["video", "clip.mp4", "clip.mp4", "video/mp4"],
      ["audio", "song.mp3", "song.mp3", "audio/mpeg"],
    ] as const;
    for (const [kind, name, shown, mime] of kinds) {
      it(`a ${kind} with its caption, byte for byte`, async () => {
        const bytes = randomBytes(20_000);
        s.fake.bot.sayFile(ANN, { name, base64: base64(bytes), kind, caption: `a ${kind}` });
        const turn = await turnOf(`a ${kind}`);
        const [file] = turn.attachments ?? [];
        assert.ok(file);
        if (typeof shown === "string") assert.equal(file.name, shown);
        else assert.match(file.name, shown);
        assert.equal(file.mime, mime);
        assert.ok((await bytesOf(file)).equals(bytes));
      });
    }

    it("what is spoken is marked so, and nothing else", () => {
      const spoken = s.worker.turns
        .flatMap(({ attachments = [] }) => attachments)
        .filter((one) => one.spoken);
      assert.deepEqual(
        spoken.map(({ mime }) => mime),
        ["audio/ogg", "video/mp4"],
      );
    });

    it("what was understood stands above the answer, as text that links and marks nothing", async () => {
      answers.set("listen", {
        heard: [
          { name: "v.ogg", text: "see https://evil.example/x *now* or [this](x) <b>" },
          { name: "w.ogg", text: "long ".repeat(100) },
          { name: "x.ogg", text: "" },
          { name: "y.ogg", failed: "off" },
          { name: "z.ogg", failed: "off" },
        ],
      });
      const text = await s.ask(ANN, "listen", /here you are/);
      const [first = "", second = "", ...rest] = text.split("\n\n");
      assert.equal(first, "🎤 I understood: “see https://evil.example/x *now* or [this](x) <b>”");
      assert.match(second, /^🎤 I understood: “long .*…”$/);
      assert.ok(second.length < 330);
      assert.deepEqual(rest, [
        "🎤 I heard no words in the recording. Your agent got it as a file.",
        "🎤 I can't turn speech into text here, so your agent got the recording as a file.",
        "here you are",
      ]);
    });

    it("an album is one turn with all its files and its caption", async () => {
      const pictures = [randomBytes(1_000), randomBytes(2_000), randomBytes(3_000)];
      s.fake.bot.sayAlbum(
        ANN,
        pictures.map((bytes, i) => ({
          ...{ name: "p", base64: base64(bytes), kind: "photo" as const },
          ...(i === 0 ? { caption: "three of them" } : {}),
        })),
      );
      const turn = await turnOf("three of them");
      assert.equal(turn.attachments?.length, 3);
      for (const [i, file] of turn.attachments!.entries())
        assert.ok((await bytesOf(file)).equals(pictures[i]!));
    });

    it("a file without words is a turn, too", async () => {
      const before = s.worker.turns.length;
      s.fake.bot.sayFile(BOB, { name: "silent.bin", base64: base64(randomBytes(10)) });
      const turn = await until(() => s.worker.turns.slice(before).find((one) => one.attachments));
      assert.equal(turn.text, "");
      assert.equal(turn.attachments?.[0]?.name, "silent.bin");
    });

    it("what is too large is told, and nothing of it stays", async () => {
      const before = readdirSync(inDir()).length;
      s.fake.bot.sayFile(ANN, {
        name: "big_one.iso",
        base64: base64(randomBytes(1_000_001)),
        caption: "big",
      });
      await until(() => s.fake.bot.fromBot(ANN).at(-1)?.text.includes("big_one.iso is too large"));
      assert.match(s.fake.bot.fromBot(ANN).at(-1)!.text, /at most 1 MB/);
      assert.ok(!s.worker.texts.includes("big"));
      assert.equal(readdirSync(inDir()).length, before);
    });

    it("a download that breaks is tried again; the update is confirmed only then", async () => {
      s.fake.bot.fault({ method: "getFile", kind: "reset-before-apply", times: 2 });
      s.fake.bot.sayFile(ANN, { name: "later.bin", base64: base64(PDF), caption: "later" });
      await sleep(200);
      assert.equal(s.fake.bot.unconfirmed(), 1);
      const turn = await turnOf("later");
      assert.ok((await bytesOf(turn.attachments![0]!)).equals(PDF));
      await until(() => s.fake.bot.unconfirmed() === 0);
    });

    it("delivered twice it is one turn, and the second copy is removed", async () => {
      s.fake.bot.fault({ kind: "duplicate-delivery", method: "getUpdates", times: 3 });
      s.fake.bot.sayFile(ANN, { name: "once.bin", base64: base64(randomBytes(99)), caption: "once" });
      await turnOf("once");
      s.fake.bot.say(ANN, "and then");
      await turnOf("and then");
      await sleep(300);
      assert.equal(s.worker.texts.filter((text) => text === "once").length, 1);
      const named = new Set(
        s.worker.turns.flatMap((turn) => turn.attachments ?? []).map(({ spool }) => spool),
      );
      assert.deepEqual(
        readdirSync(inDir()).filter((name) => !named.has(name)),
        [],
      );
    });

    it("the token, which is part of a file's address, is in no log line", () => {
      assert.ok(lines.length > 10);
      assert.ok(!lines.join("").includes(s.fake.token.split(":")[1]!));
    });
  });

  describe("out", () => {
    it("documents and pictures after the text, byte for byte, and then they leave the spool", async () => {
      const files = [
        await outgoing("chart.png", "image/png", PNG),
        await outgoing('re"port /1.pdf', "application/pdf", PDF),
      ];
      answers.set("make them", { attachments: files });
      s.fake.bot.say(ANN, "make them");
      await until(() => filesIn(ANN).length === 2, 5_000, "two files");
      const [picture, report] = filesIn(ANN);
      assert.ok(Buffer.from(picture!.file!.base64, "base64").equals(PNG));
      assert.ok(Buffer.from(report!.file!.base64, "base64").equals(PDF));
      assert.equal(report!.file!.name, "re_port _1.pdf");
      assert.ok(s.fake.bot.fromBot(ANN).some(({ text, id }) => text === "here you are" && id < picture!.id));
      const media = s.fake.bot
        .callsOf("editMessageMedia")
        .map(({ params }) => params["media"] as { type: string });
      assert.deepEqual(
        media.map(({ type }) => type),
        ["photo", "document"],
      );
      await until(() => readdirSync(outDir()).length === 0, 2_000, "spool empty");
    });

    it("an answer of files alone has no empty text", async () => {
      answers.set("only a file", {
        markdown: " ",
        attachments: [await outgoing("a.txt", "text/plain", PDF)],
      });
      const before = s.fake.bot.fromBot(ANN).length;
      s.fake.bot.say(ANN, "only a file");
      await until(() => s.fake.bot.fromBot(ANN).at(-1)?.file?.name === "a.txt");
      assert.equal(s.fake.bot.fromBot(ANN).length, before + 1);
    });

    it("what calls itself a picture and is none comes as a document", async () => {
      answers.set("no picture", { attachments: [await outgoing("x.png", "image/png", PDF)] });
      s.fake.bot.say(ANN, "no picture");
      await until(() => filesIn(ANN).at(-1)?.file?.name === "x.png");
      assert.ok(Buffer.from(filesIn(ANN).at(-1)!.file!.base64, "base64").equals(PDF));
    });

    it("a file that is gone, or isn't what its record says, is told in words", async () => {
      const gone = await outgoing("gone.txt", "text/plain", Buffer.from("x"));
      await spools.out.remove(gone.spool);
      const changed = await outgoing("changed.txt", "text/plain", Buffer.from("right"));
      writeFileSync(join(outDir(), changed.spool), "wrong");
      answers.set("broken", { attachments: [gone, changed] });
      s.fake.bot.say(ANN, "broken");
      const said = (name: string) =>
        s.fake.bot
          .fromBot(ANN)
          .some(({ text }) => text.startsWith(`📎 ${name} (`) && text.includes("no longer there"));
      await until(() => said("gone.txt") && said("changed.txt"), 5_000, "both told");
    });

    it("names what the agent couldn't send", async () => {
      answers.set("too much", {
        omitted: [
          { name: "huge_[x](https://evil.example).iso", why: "too-large", size: 9e9 },
          { name: "lost.txt", why: "missing" },
        ],
      });
      const text = await s.ask(ANN, "too much", /here you are/);
      assert.match(text, /📎 huge_\[x\].*\.iso \(9,000 MB\) was not sent: it is too large\./);
      assert.match(text, /📎 lost\.txt was not sent: there is no such file\./);
    });

    it("a very long answer is a file with its beginning above; as messages where the chat takes no files", async () => {
      const markdown = Array.from({ length: 2_000 }, (_, i) => `Line ${i} of a very long answer.`).join(
        "\n\n",
      );
      answers.set("write a book", { markdown });
      s.fake.bot.say(ANN, "write a book");
      await until(() => filesIn(ANN).at(-1)?.file?.name === "answer.md", 5_000, "file");
      const { file, id } = filesIn(ANN).at(-1)!;
      assert.equal(Buffer.from(file!.base64, "base64").toString("utf8"), `${markdown}\n`);
      const head = s.fake.bot
        .fromBot(ANN)
        .filter((message) => message.id < id)
        .at(-1)!;
      assert.match(head.text, /^📄 The answer is long.*\n\nLine 0 of/);
      s.fake.bot.fault({
        ...{ kind: "error", code: 400, method: "editMessageMedia", match: `"chat_id":${BOB}\\b`, times: 5 },
        description: "Bad Request: not enough rights to send documents to the chat",
      });
      s.fake.bot.say(BOB, "write a book");
      await until(
        () => s.fake.bot.fromBot(BOB).some(({ text }) => text.includes("Line 1999 of")),
        20_000,
        "all",
      );
      const lines = s.fake.bot
        .fromBot(BOB)
        .flatMap(({ text }) => text.match(/Line \d+ of a very long/g) ?? []);
      assert.equal(new Set(lines).size, 2_000);
      s.fake.bot.clearFaults();
    });

    const FAULTS: FaultKind[] = ["reset-before-apply", "apply-then-reset", "apply-then-502", "429", "error"];
    it("each fault at the upload: exactly one file, and no stray", async () => {
      await Promise.all(
        FAULTS.map(async (kind, i) => {
          const chat = 3_000 + i;
          const more =
            kind === "429" ? { retryAfter: 1 } : kind === "error" ? { code: 500, description: "x" } : {};
          answers.set(`fault ${kind}`, { attachments: [await outgoing("f.bin", "application/x-f", PDF)] });
          s.fake.bot.fault({ kind, method: "editMessageMedia", match: `"chat_id":${chat}\\b`, ...more });
          s.fake.bot.say(chat, `fault ${kind}`);
          await until(() => filesIn(chat).length > 0, 20_000, `file after ${kind}`);
          await sleep(1_500);
          const seen = s.fake.bot.fromBot(chat);
          assert.deepEqual(
            seen.map(({ text, file }) => file?.name ?? text),
            ["here you are", "f.bin"],
            kind,
          );
          assert.ok(Buffer.from(seen.at(-1)!.file!.base64, "base64").equals(PDF));
        }),
      );
      assert.equal(s.fake.bot.clearFaults(), 0, "all troubles came");
    });
  });

  it("names are made safe for a request's header", () => {
    assert.equal(safeName("../../etc/passwd"), "_/.._etc_passwd".replace("/", "_"));
    assert.equal(safeName('a"b\r\nc\u202Ed.txt'), "a_b__c_d.txt");
    assert.equal(safeName("..."), "_");
    assert.equal(safeName(""), "file");
    assert.equal(safeName("日本語 📎.pdf"), "日本語 📎.pdf");
  });
});
