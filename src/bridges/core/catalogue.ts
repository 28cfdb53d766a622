/**
 * Every sentence that a bridge says itself, by code and language, in Markdown.
 * Values put into a sentence are escaped (a bare address still links to itself, no more). A code without a text is shown as
 * a generic sentence with the code, so that a newer worker never makes an older bridge silent.
 */
import type { AnswerBody } from "../../store/index.ts";
import { withoutMark } from "./cards/marker.ts";
import { GERMAN } from "./texts/de.ts";
import { ENGLISH } from "./texts/en.ts";
import { SPANISH } from "./texts/es.ts";
import { FRENCH } from "./texts/fr.ts";
import { RUSSIAN } from "./texts/ru.ts";

/**
 * A language's texts: `{name}` is replaced by the parameter of that name. `code.0` is for exactly that count,
 * `code.one`, `.few`, `.many` for the language's plural categories, the plain code for everything else.
 */
export type Texts = Readonly<Record<string, string>>;

/** All languages, by their BCP 47 primary subtag. */
export const LANGUAGES: Readonly<Record<string, Texts>> = {
  en: ENGLISH,
  de: GERMAN,
  es: SPANISH,
  fr: FRENCH,
  ru: RUSSIAN,
};

/** Parameters of a sentence. */
export type Params = Readonly<Record<string, string>>;

/** The catalogue in one language. */
export interface Words {
  /** `en`, `de` …: one of {@link LANGUAGES}. */
  readonly language: string;
  /** The sentence of a notice or failure code, in Markdown. */
  sentence(code: string, params?: Params): string;
  /** A phrase as bare text, for buttons, toasts and what is built as a tree; values stand in it as they are. */
  phrase(code: string, params?: Params): string;
}

const WORDS = new Map(
  Object.keys(LANGUAGES).map((language): [string, Words] => [
    language,
    {
      language,
      sentence: (code, params) => sentence(code, params, language),
      phrase: (code, params) => phrase(code, params, language),
    },
  ]),
);

/** The catalogue in the language of a person (BCP 47, as their platform tells it); English when we don't speak it. */
export function wordsOf(language: string | undefined): Words {
  const primary = (language ?? "en").toLowerCase().split(/[-_]/)[0] ?? "en";
  return WORDS.get(primary) ?? WORDS.get("en")!;
}

/** See {@link Words.sentence}. */
export function sentence(code: string, params: Params = {}, language = "en"): string {
  const template = templateOf(code, params, language);
  if (template === undefined) return fill(textsOf(language)["unknown-code"]!, { code });
  return fill(template, params);
}

/** See {@link Words.phrase}. */
export function phrase(code: string, params: Params = {}, language = "en"): string {
  const template = templateOf(code, params, language) ?? code;
  return template.replace(/\{(\w+)\}/g, (_, name: string) => (params[name] ?? "").replace(/\s+/g, " "));
}

function textsOf(language: string): Texts {
  return lookUp(LANGUAGES, language) ?? ENGLISH;
}

function templateOf(code: string, params: Params, language: string): string | undefined {
  const texts = textsOf(language);
  for (const form of forms(code, params, language)) {
    const found = lookUp(texts, form);
    if (found !== undefined) return found;
  }
  return lookUp(ENGLISH, code);
}

/** Codes come from other processes: only own keys count. */
function lookUp<T>(table: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}

/** The forms of a code that fit a count, the most exact first. */
function forms(code: string, params: Params, language: string): string[] {
  const count = params["discarded"] ?? params["count"] ?? params["waiting"];
  if (count === undefined) return [code];
  const category = /^\d+$/.test(count) ? new Intl.PluralRules(language).select(Number(count)) : "other";
  return [`${code}.${count}`, `${code}.${category}`, code];
}

function fill(template: string, params: Params): string {
  return template
    .replace(/`\{(\w+)\}`/g, (_, name: string) => `\`${codeText(params[name] ?? "")}\``)
    .replace(/\{(\w+)\}/g, (_, name: string) => escapeMarkdown(params[name] ?? ""));
}

/** Within a code span nothing is markup but the backtick itself. */
function codeText(text: string): string {
  return text.replace(/[`\s]+/g, " ").trim() || "-";
}

/** What others wrote, so that it shows as it is within Markdown. */
function escapeMarkdown(text: string): string {
  return text.replace(/\s+/g, " ").replace(/[\\`*_{}[\]<>()#+\-.!|~&@:/]/g, "\\$&");
}

/** The Markdown of an answer: the agent's own text, or ours for notices and failures. */
export function markdownOf(body: AnswerBody, language?: string): string {
  const words = wordsOf(language);
  if (body.kind === "final")
    return body.markdown.trim() === "" ? words.sentence("empty-answer") : withoutMark(body.markdown);
  if (body.kind === "notice") return words.sentence(body.code, body.params);
  const text = words.sentence(body.code, { detail: body.detail ?? "" });
  const reference =
    body.reference === "" ? "" : `\n\n${words.sentence("reference", { reference: body.reference })}`;
  return `⚠️ ${text}${reference}`;
}
