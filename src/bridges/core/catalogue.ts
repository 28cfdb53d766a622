/**
 * Every sentence that a bridge says itself, by code and language, in Markdown.
 * Values put into a sentence are escaped (a bare address still links to itself, no more). A code without a text is shown as
 * a generic sentence with the code, so that a newer worker never makes an older bridge silent.
 */
import type { AnswerBody } from "../../store/index.ts";
import { withoutMark } from "./cards/marker.ts";
import { ENGLISH } from "./texts/en.ts";

/** A language's texts: `{name}` is replaced by the parameter of that name. */
export type Texts = Readonly<Record<string, string>>;

const LANGUAGES: Readonly<Record<string, Texts>> = { en: ENGLISH };

/** The sentence of a notice or failure code, in Markdown. */
export function sentence(
  code: string,
  params: Readonly<Record<string, string>> = {},
  language = "en",
): string {
  const template = templateOf(code, params, language);
  if (template === undefined) return fill(ENGLISH["unknown-code"]!, { code });
  return fill(template, params);
}

/** A phrase as bare text, for buttons, toasts and what is built as a tree; values stand in it as they are. */
export function phrase(code: string, params: Readonly<Record<string, string>> = {}, language = "en"): string {
  const template = templateOf(code, params, language) ?? code;
  return template.replace(/\{(\w+)\}/g, (_, name: string) => (params[name] ?? "").replace(/\s+/g, " "));
}

function templateOf(
  code: string,
  params: Readonly<Record<string, string>>,
  language: string,
): string | undefined {
  const texts = lookUp(LANGUAGES, language) ?? ENGLISH;
  return lookUp(texts, variant(code, params)) ?? lookUp(texts, code) ?? lookUp(ENGLISH, code);
}

/** Codes come from other processes: only own keys count. */
function lookUp<T>(table: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}

/** Plural and zero forms: `stopped.0`, `stopped.1`; the plain code is for everything else. */
function variant(code: string, params: Readonly<Record<string, string>>): string {
  const count = params["discarded"] ?? params["count"] ?? params["waiting"];
  return count === undefined ? code : `${code}.${count}`;
}

function fill(template: string, params: Readonly<Record<string, string>>): string {
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
export function markdownOf(body: AnswerBody, language = "en"): string {
  if (body.kind === "final")
    return body.markdown.trim() === "" ? sentence("empty-answer", {}, language) : withoutMark(body.markdown);
  if (body.kind === "notice") return sentence(body.code, body.params, language);
  const text = sentence(body.code, { detail: body.detail ?? "" }, language);
  const reference =
    body.reference === "" ? "" : `\n\n${sentence("reference", { reference: body.reference }, language)}`;
  return `⚠️ ${text}${reference}`;
}
