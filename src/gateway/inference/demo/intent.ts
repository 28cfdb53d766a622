/**
 * What a user asks the demo for. Pure: text in, intent out. It understands a handful of forms and says so; it must
 * never pretend to understand more.
 */

/** One understood request. */
export type Intent =
  | { kind: "greet" }
  | { kind: "help" }
  | { kind: "sum"; expression: string }
  | { kind: "count"; to: number; slowly: boolean }
  | { kind: "words"; count: number }
  | { kind: "echo"; text: string }
  | { kind: "fetch"; url: string }
  | { kind: "run"; command: string }
  | { kind: "write"; path: string; content: string }
  | { kind: "unknown"; text: string };

const MAX_COUNT = 1_000;
const MAX_WORDS = 5_000;
const DEFAULT_CONTENT = "Written by the demo model.\n";

const WORDS: [RegExp, string][] = [
  [/\bplus\b/gi, "+"],
  [/\bminus\b/gi, "-"],
  [/\b(?:times|multiplied by)\b|[×·]|(?<=[\d\s)])x(?=[\s\d(-])/gi, "*"],
  [/\bdivided by\b|÷/gi, "/"],
  [/[−–]/g, "-"],
];
const NUMBER = String.raw`-?\d{1,60}(?:\.\d{1,20})?`;
const EXPRESSION = new RegExp(String.raw`${NUMBER}(?:\s*[-+*/]\s*${NUMBER}){1,20}`);

/** Takes quotes or backticks off that enclose the whole. */
function unquoted(text: string): string {
  const trimmed = text.trim();
  const fence = /^```[a-z]*\n([\s\S]*?)\n?```$/.exec(trimmed);
  if (fence) return (fence[1] as string).trim();
  const quote = /^(["'`“])([\s\S]*)(["'`”])$/.exec(trimmed);
  return quote ? (quote[2] as string) : trimmed;
}

type Form = [RegExp, (...groups: string[]) => Intent | undefined];

/** Tried in order on the text without its courtesies; groups that didn't take part are empty. */
const FORMS: Form[] = [
  [
    /^(?:fetch|get|open|download)\s+<?(https?:\/\/[^\s<>"'`]+)/i,
    (url) => ({ kind: "fetch", url: url.replace(/[.,;!?)]+$/, "") }),
  ],
  [
    /^(?:run|execute)(?:\s+(?:the\s+)?command)?\s*:?\s+([\s\S]+)$/i,
    (command) => ({ kind: "run", command: unquoted(command) }),
  ],
  [
    /^(?:write|create|save)\s+(?:(?:a|the)\s+)?(file\s+)?["'`]?([\w./~-]{1,200})["'`]?([\s\S]*)$/i,
    (file, path, rest) => {
      // "write a poem" is no file name.
      if (!file && !/[./]/.test(path)) return undefined;
      return {
        kind: "write",
        path: path.replace(/[:.]+$/, ""),
        content: unquoted(rest.replace(LEAD_IN, "")) || DEFAULT_CONTENT,
      };
    },
  ],
  [/^(?:echo|say|repeat)\s*:?\s+([\s\S]+)$/i, (text) => ({ kind: "echo", text: unquoted(text) })],
  [
    /^count\s+(slowly\s+)?(?:from\s+1\s+)?(?:up\s+)?to\s+(\d{1,6})(\s+slowly)?/i,
    (before, to, after) => ({
      kind: "count",
      to: Math.min(Number(to), MAX_COUNT),
      slowly: Boolean(before || after),
    }),
  ],
  [/\b(\d{1,6})\s+words\b/i, (count) => ({ kind: "words", count: Math.min(Number(count), MAX_WORDS) })],
];
/** Only when nothing else was meant: "Hello! What is 2+2?" is a sum. */
const SMALL_TALK: Form[] = [
  [
    /^(?:hi|hello|hey|hallo|good (?:morning|afternoon|evening)|bonjour|hola|ciao)\b/i,
    () => ({ kind: "greet" }),
  ],
  [/^(?:help|what can you do|who are you|what are you)\b/i, () => ({ kind: "help" })],
];
const LEAD_IN =
  /^\s*(?::|,?\s*(?:with|containing|that says|saying)(?:\s+(?:the\s+)?(?:content|text))?:?)\s*/i;

/** Reads one user message. */
export function intentOf(message: string): Intent {
  const text = message.trim().replace(/^(?:(?:please|now|then|can you|could you|would you)[\s,]+)+/i, "");
  const asked = match(FORMS, text);
  if (asked) return asked;
  const expression = expressionIn(text);
  if (expression !== undefined) return { kind: "sum", expression };
  return match(SMALL_TALK, text) ?? { kind: "unknown", text };
}

function match(forms: Form[], text: string): Intent | undefined {
  for (const [form, make] of forms) {
    const found = form.exec(text);
    const intent = found && make(...found.slice(1).map((group) => group ?? ""));
    if (intent) return intent;
  }
  return undefined;
}

/** A sum somewhere in the text, in signs. */
function expressionIn(text: string): string | undefined {
  let plain = text.replace(/\b\d{4}-\d{2}-\d{2}\b/g, "");
  for (const [word, sign] of WORDS) plain = plain.replace(word, sign);
  const listed = /\bsum of\s+((?:-?\d[\d.]*[\s,]*(?:and\s+)?){2,20})/i.exec(plain)?.[1];
  if (listed) return (listed.match(new RegExp(NUMBER, "g")) ?? []).join(" + ");
  return EXPRESSION.exec(plain)?.[0];
}
