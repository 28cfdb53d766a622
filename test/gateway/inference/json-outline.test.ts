import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { KnownValues, LONG, MAX_DEPTH, outlineOf } from "../../../src/gateway/inference/json-outline.ts";
import { type Edit, spliced } from "../../../src/gateway/inference/splice.ts";

const outline = (text: string | Buffer) => outlineOf(Buffer.isBuffer(text) ? text : Buffer.from(text));
const RUNS = { numRuns: 3_000 };

describe("what is refused", () => {
  const refused: [string, string | Buffer][] = [
    ["empty", ""],
    ["array", "[]"],
    ["string", '"x"'],
    ["null", "null"],
    ["two values", "{} {}"],
    ["trailing comma", '{"a":1,}'],
    ["comment", '{"a":1/*x*/}'],
    ["single quotes", "{'a':1}"],
    ["bare key", "{a:1}"],
    ["NaN", '{"a":NaN}'],
    ["leading zero", '{"a":01}'],
    ["open string", '{"a":"b}'],
    ["open string by escape", '{"a":"b\\"}'],
    ["open object", '{"a":{}'],
    ["byte order mark", Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from("{}")])],
    ["not UTF-8", Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
    ["raw newline in a short string", '{"a":"b\nc"}'],
    ["duplicate key", '{"a":1,"a":2}'],
    ["duplicate key, one escaped", '{"model":1,"mod\\u0065l":2}'],
    ["duplicate key deep inside", '{"tools":[{"type":"function","type":"web_search"}]}'],
    ["__proto__", '{"__proto__":{"a":1}}'],
    ["long key", `{"${"k".repeat(LONG + 1)}":1}`],
    ["deep", `{"a":${"[".repeat(MAX_DEPTH)}${"]".repeat(MAX_DEPTH)}}`],
    ["much structure", `{"a":[${"1,".repeat(600_000)}1]}`],
  ];
  for (const [name, text] of refused) test(name, () => assert.equal(outline(text).ok, false));

  test("refusals name no content", () => {
    const result = outline('{"secretkey":"topsecret","secretkey":1}');
    assert.ok(!result.ok && !result.reason.includes("secret"));
  });
  test("a large refused request takes little time", () => {
    const body = Buffer.from(`{"a":${'{"b":['.repeat(30)}${"[],".repeat(3_000_000)}1]`);
    const at = performance.now();
    assert.equal(outlineOf(body).ok, false);
    assert.ok(performance.now() - at < 300, `${performance.now() - at} ms`);
  });
});

test("long strings are cut but stay longer than any bound; short ones are whole", () => {
  const result = outline(
    JSON.stringify({ short: "x".repeat(LONG), long: "y".repeat(LONG + 1), esc: `ab\n${"z".repeat(LONG)}` }),
  );
  assert.ok(result.ok);
  const { short, long, esc } = result.outline.value as Record<string, string>;
  assert.equal(short, "x".repeat(LONG));
  assert.equal(long!.length, LONG + 1);
  assert.equal(esc!.length, LONG + 1);
  assert.ok(esc!.startsWith("ab."));
});

/** JSON.parse's view with Latin-1 strings of any length cut as the outline cuts them. */
function reference(value: unknown): unknown {
  if (typeof value === "string") {
    const source = JSON.stringify(value).slice(1, -1);
    const raw = Buffer.from(source).toString("latin1");
    if (raw.length <= LONG) return JSON.parse(`"${raw}"`);
    const head = raw.slice(0, LONG + 1);
    const cut = head.indexOf("\\");
    return cut < 0 ? head : head.slice(0, cut).padEnd(LONG + 1, ".");
  }
  if (Array.isArray(value)) return value.map(reference);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [Buffer.from(key).toString("latin1"), reference(one)]),
  );
}

const text = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 20 }),
  fc.string({
    unit: fc.constantFrom('"', "\\", "n", "{", "}", "[", ",", ":", "é", "☕", "\n", "a"),
    maxLength: 900,
  }),
);
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    text,
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 5 }),
    fc.dictionary(
      fc.string({ maxLength: 12 }).filter((key) => key !== "__proto__"),
      tie("value"),
      { maxKeys: 5 },
    ),
  ),
})).value;
const object = fc.dictionary(
  fc.string({ maxLength: 12 }).filter((key) => key !== "__proto__"),
  json,
  { maxKeys: 6 },
);

describe("fuzz", () => {
  test("valid objects, however spaced, give what JSON.parse gives", () => {
    fc.assert(
      fc.property(object, fc.constantFrom(0, 1, "\t", "\r\n "), (value, space) => {
        const result = outline(JSON.stringify(value, null, space as number));
        assert.ok(result.ok, JSON.stringify(result));
        assert.deepEqual(
          JSON.parse(JSON.stringify(result.outline.value)),
          JSON.parse(JSON.stringify(reference(JSON.parse(JSON.stringify(value))))),
        );
      }),
      RUNS,
    );
  });

  test("bytes changed at random: never accepted when JSON.parse refuses, never a crash", () => {
    fc.assert(
      fc.property(object, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }), (value, changes) => {
        const body = Buffer.from(JSON.stringify(value));
        for (const [at, byte] of changes) body[at % body.length] = byte;
        const result = outlineOf(body);
        if (!result.ok) return;
        let parsed: unknown;
        try {
          parsed = JSON.parse(body.toString("utf8"));
        } catch {
          // Only the inside of a long string may be wrong: a vendor's parser refuses that by itself.
          assert.ok(body.length > LONG);
          return;
        }
        assert.deepEqual(
          Object.keys(result.outline.value).sort(),
          Object.keys(parsed as object)
            .map((key) => Buffer.from(key).toString("latin1"))
            .sort(),
        );
      }),
      RUNS,
    );
  });

  test("any bytes at all", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        outlineOf(Buffer.from(bytes));
      }),
      RUNS,
    );
  });

  test("splicing sets exactly the named members and leaves every other byte", () => {
    const key = fc.constantFrom("model", "stream_options", "max_tokens");
    fc.assert(
      fc.property(
        object,
        fc.uniqueArray(key),
        fc.uniqueArray(key),
        fc.constantFrom(0, 2),
        (value, present, edited, space) => {
          const before: Record<string, unknown> = { ...value };
          for (const name of present) before[name] = { old: "}" };
          const body = Buffer.from(JSON.stringify(before, null, space));
          const result = outlineOf(body);
          assert.ok(result.ok);
          const edits: Edit[] = edited.map((name) => ({ key: name, value: `new-${name}` }));
          const after = JSON.parse(spliced(body, result.outline, edits).toString("utf8"));
          const expected: Record<string, unknown> = JSON.parse(JSON.stringify(before));
          for (const name of edited) expected[name] = `new-${name}`;
          assert.deepEqual(after, expected);
        },
      ),
      RUNS,
    );
  });
});

test("a member is renamed in place", () => {
  const body = Buffer.from('{"a":"max_tokens", "max_tokens" : 5}');
  const result = outlineOf(body);
  assert.ok(result.ok);
  const out = spliced(body, result.outline, [{ key: "max_tokens", rename: "max_completion_tokens" }]);
  assert.equal(out.toString(), '{"a":"max_tokens", "max_completion_tokens" : 5}');
});

describe("known values", () => {
  const body = (tools: unknown, more: object = {}) =>
    Buffer.from(JSON.stringify({ a: { tools: [1] }, tools, ...more }, null, 1));
  const accept = (known: KnownValues, value: Buffer) => {
    const result = outlineOf(value, known);
    assert.ok(result.ok);
    known.remember(value, result.outline);
    return result.outline;
  };

  test("equal bytes are not read again, wherever they stand; anything else is", () => {
    const known = new KnownValues("tools");
    const tools = [{ name: "x", deep: [[{ text: 'a "quoted" ] }' }]] }];
    assert.deepEqual(accept(known, body(tools)).value, { a: { tools: [1] }, tools });
    const again = outlineOf(body(tools, { after: "b" }), known);
    assert.ok(again.ok);
    assert.deepEqual(again.outline.value, { a: { tools: [1] }, tools: [], after: "b" });
    const field = again.outline.fields.get("tools")!;
    assert.deepEqual(
      JSON.parse(body(tools, { after: "b" }).subarray(field.start, field.end).toString()),
      tools,
    );
    const other = outlineOf(body([...tools, { type: "mcp" }]), known);
    assert.ok(other.ok && (other.outline.value["tools"] as unknown[]).length === 2);
  });

  test("what follows a known value is still judged", () => {
    const known = new KnownValues("tools");
    accept(known, Buffer.from('{"tools":[1]}'));
    for (const text of [
      '{"tools":[1]x}',
      '{"tools":[1]',
      '{"tools":[1][2]}',
      '{"tools":[1],"tools":[2]}',
      '{"tools":[1]1}',
    ]) {
      assert.equal(outlineOf(Buffer.from(text), known).ok, false, text);
    }
    const longer = outlineOf(Buffer.from('{"tools":[1,2]}'), known);
    assert.ok(longer.ok && (longer.outline.value["tools"] as unknown[]).length === 2);
  });

  test("fuzz: with and without the memory the same requests are accepted", () => {
    const known = new KnownValues("tools");
    fc.assert(
      fc.property(
        object,
        fc.array(json, { maxLength: 2 }),
        fc.array(fc.tuple(fc.nat(), fc.nat(127)), { maxLength: 2 }),
        (value, tools, changes) => {
          const bytes = body(tools, { ...value, tools });
          for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
          const plain = outlineOf(bytes);
          const fast = outlineOf(bytes, known);
          assert.equal(fast.ok, plain.ok);
          if (!plain.ok || !fast.ok) return;
          known.remember(bytes, plain.outline);
          assert.deepEqual(fast.outline.fields, plain.outline.fields);
        },
      ),
      RUNS,
    );
  });
});
