/**
 * Secrets out of text (logs, errors, debug archives). `test/lib/redact.test.ts` holds the list of cases.
 * This is the last net: secrets are kept out of messages in the first place.
 */
const RULES: [RegExp, string][] = [
  // Telegram bot token: <bot id>:<35 characters>; also inside URLs as /bot<token>/.
  [/(?<!\d)\d{6,12}:[A-Za-z0-9_-]{30,}/g, "[telegram-token]"],
  // Discord bot token: three base64url groups.
  [/\b[A-Za-z0-9_-]{23,28}\.[A-Za-z0-9_-]{6,7}\.[A-Za-z0-9_-]{27,}/g, "[discord-token]"],
  [/\b(?:sk|pk|rk|nvapi|dk|key|gsk|xai|hf|ghp|gho|ghs|glpat)[-_][A-Za-z0-9_-]{16,}/g, "[api-key]"],
  [/\bAIza[A-Za-z0-9_-]{30,}/g, "[api-key]"],
  [/\b(?:Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi, "[authorization]"],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, "[private-key]"],
  [/((?:rediss?|https?):\/\/[^\s:/@]*:)[^\s@/]+@/g, "$1[password]@"],
  [/("?(?:api[-_]?key|token|secret|password|authorization)"?\s*[:=]\s*"?)[^\s",;&}]{6,}/gi, "$1[redacted]"],
];

/** `text` with everything that looks like a secret replaced by a name in brackets. */
export function redact(text: string): string {
  let out = text;
  for (const [pattern, name] of RULES) out = out.replace(pattern, name);
  return out;
}
