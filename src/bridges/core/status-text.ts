/** /status and /usage in words for a person with a phone. Pure. */
import type { ConversationLook } from "../../store/index.ts";
import type { Words } from "./catalogue.ts";

/** What was used on a day. */
export interface Used {
  input: number;
  output: number;
  /** Millionths of a US dollar. */
  micros: number;
  calls: number;
}

/** Paragraphs of /status, in Markdown. */
export function statusText(say: Words, look: ConversationLook, model: string, used: Used): string[] {
  const running = look.turn
    ? say.sentence("status.working", { time: duration(look.turn.forMs, say.language) })
    : say.sentence("status.idle");
  const facts = [
    say.sentence("status.waiting", { count: String(look.waiting) }),
    say.sentence("status.model", { model }),
    say.sentence(`status.queue-${look.mode}`),
    say.sentence("status.today", { tokens: whole(used.input + used.output, say.language) }),
  ];
  return [running, facts.map((fact) => `- ${fact}`).join("\n")];
}

/** Paragraphs of /usage, in Markdown. */
export function usageText(
  say: Words,
  used: Used,
  limits: { tokens?: number | undefined; micros?: number | undefined },
): string[] {
  const { language } = say;
  const tokens = used.input + used.output;
  const lines = [
    say.sentence("usage.tokens", {
      ...{ tokens: whole(tokens, language), input: whole(used.input, language) },
      output: whole(used.output, language),
    }),
    say.sentence("usage.calls", { count: String(used.calls) }),
    ...(used.micros > 0 ? [say.sentence("usage.cost", { cost: dollars(used.micros, language) })] : []),
    ...(limits.tokens === undefined
      ? []
      : [
          say.sentence(
            "usage.limit-tokens",
            left(tokens, limits.tokens, (n) => whole(n, language)),
          ),
        ]),
    ...(limits.micros === undefined
      ? []
      : [
          say.sentence(
            "usage.limit-cost",
            left(used.micros, limits.micros, (n) => dollars(n, language)),
          ),
        ]),
  ];
  return [say.sentence("usage.head"), lines.map((line) => `- ${line}`).join("\n")];
}

function left(used: number, limit: number, text: (n: number) => string): { left: string; limit: string } {
  return { left: text(Math.max(0, limit - used)), limit: text(limit) };
}

function whole(value: number, language: string): string {
  return new Intl.NumberFormat(language).format(value);
}

function dollars(micros: number, language: string): string {
  const style = { style: "currency", currency: "USD", maximumFractionDigits: 4 } as const;
  return new Intl.NumberFormat(language, style).format(micros / 1e6);
}

/** `45 s`, `3 min 20 s`, `2 h 5 min` in a language's short units. */
export function duration(ms: number, language: string): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60];
  const parts: [number, string][] =
    hours > 0
      ? [
          [hours, "hour"],
          [minutes, "minute"],
        ]
      : [
          [minutes, "minute"],
          [seconds % 60, "second"],
        ];
  const shown = parts.filter(([value], i) => value > 0 || (i === 1 && parts[0]![0] === 0));
  return shown
    .map(([value, unit]) => new Intl.NumberFormat(language, { style: "unit", unit }).format(value))
    .join(" ");
}

/** `12.3 kB`, `4 MB` in a language's short units. */
export function fileSize(bytes: number, language: string): string {
  const kilo = bytes < 1_000_000;
  const unit = kilo ? "kilobyte" : "megabyte";
  const format = { style: "unit", unit, maximumFractionDigits: 1 } as const;
  return new Intl.NumberFormat(language, format).format(bytes / (kilo ? 1e3 : 1e6));
}
