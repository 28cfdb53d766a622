/** Every language has every sentence, with the same values in it, and nothing that a platform would refuse. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { markdownOf, sentence, wordsOf } from "../../../src/bridges/core/catalogue.ts";
import { COMMAND_TABLE, commandMenu } from "../../../src/bridges/core/commands.ts";
import { LANGUAGES, parseMarkdown, plainText } from "../../../src/bridges/core/index.ts";
import { duration } from "../../../src/bridges/core/status-text.ts";
import { ENGLISH } from "../../../src/bridges/core/texts/en.ts";

/** Forms of a code for a count: a language has those that it needs. */
const FORM = /\.(\d+|zero|one|two|few|many|other)$/;
const others = Object.entries(LANGUAGES).filter(([language]) => language !== "en");
/** The code that a form belongs to. */
const baseOf = (code: string) => {
  const base = code.replace(FORM, "");
  return Object.hasOwn(ENGLISH, base) ? base : code;
};
const plain = Object.keys(ENGLISH).filter((code) => baseOf(code) === code);
const placeholders = (text: string) => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort();
/** Markup and commands that have to be the same: code spans and `/name`. */
const marks = (text: string) => [...new Set(text.match(/`\{\w+\}`|\/[a-z]+(?![a-z]* revoke)/g) ?? [])].sort();

describe("languages", () => {
  it("are English and at least four more, one of them in other letters than Latin ones", () => {
    assert.ok(others.length >= 4);
    assert.ok(others.some(([, texts]) => !/[a-z]/i.test(texts["working"] ?? "a")));
  });

  for (const [language, texts] of others) {
    it(`${language}: has every code, and none that English lacks`, () => {
      assert.deepEqual(
        plain.filter((code) => !Object.hasOwn(texts, code)),
        [],
      );
      const codes = Object.keys(texts).map(baseOf);
      assert.deepEqual(
        codes.filter((code) => !Object.hasOwn(ENGLISH, code)),
        [],
      );
    });

    it(`${language}: the same values, code spans and commands stand in each sentence`, () => {
      for (const [code, text] of Object.entries(texts)) {
        const english = ENGLISH[code] ?? ENGLISH[baseOf(code)] ?? "";
        // A form for one exact number may leave the number out.
        if (!/\.\d+$/.test(code)) assert.deepEqual(placeholders(text), placeholders(english), code);
        assert.deepEqual(marks(text), marks(english), code);
        assert.equal(text, text.trim(), code);
      }
    });

    it(`${language}: is no copy of English`, () => {
      const same = plain.filter(
        (code) =>
          texts[code] === ENGLISH[code] && /[a-z]{4}/i.test((ENGLISH[code] ?? "").replace(/\{\w+\}/g, "")),
      );
      const neutral = same.filter((code) => !/^(card|approvals|rules|export)\./.test(code));
      assert.deepEqual(neutral, []);
    });

    it(`${language}: a press's outcome has at most 200 characters, a menu's line 100`, () => {
      for (const [code, text] of Object.entries(texts)) {
        if (code.startsWith("tap.")) assert.ok(text.length <= 200, code);
        // Discord: 100 characters; Telegram takes 256.
        if (/^(command|argument)\./.test(code)) assert.ok(text.length <= 100, code);
      }
    });

    it(`${language}: no value becomes markup`, () => {
      const evil = "*x* [a](https://evil.example) `c` <b>";
      for (const code of plain) {
        const params = Object.fromEntries(
          placeholders(texts[code] ?? "").map((name) => [name.slice(1, -1), evil]),
        );
        const tree = JSON.stringify(parseMarkdown(sentence(code, params, language)));
        // A bare address may link to itself; nothing may hide one.
        assert.doesNotMatch(tree, /"type":"text","value":"a"/, code);
        assert.doesNotMatch(tree, /"type":"(emphasis|html)".{0,60}"[xc]"/, code);
      }
    });
  }

  it("every command has a line in every menu", () => {
    for (const language of Object.keys(LANGUAGES)) {
      const menu = commandMenu(wordsOf(language));
      assert.deepEqual(
        menu.map(({ name }) => name),
        COMMAND_TABLE.map(({ name }) => name),
      );
      for (const entry of menu) {
        assert.doesNotMatch(entry.description, /^command\./);
        assert.doesNotMatch(entry.argument?.description ?? "", /^argument\./);
      }
    }
  });

  it("are chosen by the primary subtag; English where we don't speak it", () => {
    assert.equal(wordsOf("de-AT").language, "de");
    assert.equal(wordsOf("pt_BR").language, "en");
    assert.equal(wordsOf("__proto__").language, "en");
    assert.equal(wordsOf(undefined).language, "en");
  });

  it("counts as each language does", () => {
    const waiting = (count: number, language: string) =>
      sentence("status.waiting", { count: String(count) }, language);
    assert.equal(waiting(1, "en"), "One message waits");
    assert.equal(waiting(21, "ru"), "Ожидает 21 сообщение");
    assert.equal(waiting(3, "ru"), "Ожидают 3 сообщения");
    assert.equal(waiting(11, "ru"), "Ожидает 11 сообщений");
    assert.equal(waiting(0, "fr"), "Aucun message n’attend");
    assert.equal(waiting(5, "de"), "5 Nachrichten warten");
  });

  it("a failure is told in the language of who asked", () => {
    const body = { kind: "failure" as const, code: "agent-crashed", reference: "t_1" };
    assert.match(plainText(parseMarkdown(markdownOf(body, "de-DE"))), /unerwartet.*\n\nKennung: t_1/s);
    assert.match(plainText(parseMarkdown(markdownOf(body))), /unexpectedly/);
  });

  it("durations are short in each language", () => {
    assert.equal(duration(45_000, "en"), "45 sec");
    assert.equal(duration(200_000, "en"), "3 min 20 sec");
    assert.match(duration(7_500_000, "de"), /^2 Std\. 5 Min\.$/);
    assert.equal(duration(0, "en"), "0 sec");
  });
});
