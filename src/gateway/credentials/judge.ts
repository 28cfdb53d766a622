/**
 * Whether a placeholder in a request's head is replaced. It is only as the whole value (a scheme before it is allowed) of
 * the credential's own header, on inspected TLS to the credential's host and port, with its methods and paths, from a
 * sandbox that it names. Anywhere else the request is refused: an unknown placeholder too. Pure.
 */
import type { HeaderLine } from "../egress/proxy/head.ts";
import { type CompiledCredential, PLACEHOLDER } from "./model.ts";
import type { CredentialFault, CredentialUse, CredentialVerdict } from "./ports.ts";
import { Scrubber } from "./scrubber.ts";

/** Any mention, also with an escaped colon (a query that a client encoded). */
const MENTION = /nemoclaw-credential(?::|%3a)([A-Za-z0-9-]*)/gi;
/** The whole value: the placeholder, maybe after a scheme that the client thinks it needs. */
const WHOLE = /^(?:[A-Za-z][A-Za-z0-9-]* )?nemoclaw-credential:([a-z0-9-]+)$/;
/** Let an answer come in a form that can be read: whole and not compressed. */
const SHAPES_ANSWER = /^(accept-encoding|range|if-range|te)$/i;

/** The text for the sandbox. */
export const placeholderOf = (name: string): string => PLACEHOLDER + name;

/** Judges one request. `labels`: what the sandbox is known as. */
export function judgeCredential(
  use: CredentialUse,
  find: (name: string) => CompiledCredential | undefined,
  labels: () => readonly string[],
): CredentialVerdict {
  const mentions = mentionsIn(use);
  if (mentions.length === 0) return { kind: "none" };
  const name = mentions[0]!.toLowerCase();
  const refuse = (reason: CredentialFault): CredentialVerdict => ({ kind: "refused", reason, name });
  const compiled = find(name);
  if (!compiled) return refuse("credential_unknown");
  const { credential, headerName, headerValue, paths, pattern } = compiled;
  const known = labels();
  if (!credential.for.some((label) => known.includes(label))) return refuse("credential_not_for_sandbox");
  const carriers = use.headers.filter(([written]) => written.toLowerCase() === headerName);
  const carrier = carriers[0];
  if (mentions.length > 1 || carriers.length !== 1 || WHOLE.exec(carrier![1])?.[1] !== name)
    return refuse("credential_wrong_place");
  if (!use.inspected) return refuse("credential_not_inspected");
  const here =
    use.authority.host === credential.host &&
    use.authority.port === credential.port &&
    (credential.methods.length === 0 || credential.methods.includes(use.method)) &&
    paths.some((test) => test(use.path) && test(use.barePath));
  if (!here) return refuse("credential_wrong_endpoint");
  const headers: HeaderLine[] = use.headers
    .filter(([written]) => !SHAPES_ANSWER.test(written))
    .map((line) => (line === carrier ? [line[0], headerValue] : line));
  headers.push(["Accept-Encoding", "identity"]);
  return { kind: "put", name, headers, scrubber: () => new Scrubber(pattern) };
}

function mentionsIn({ target, headers }: CredentialUse): string[] {
  const texts = [target, ...headers.flat()];
  return texts.flatMap((text) => [...text.matchAll(MENTION)].map((match) => match[1]!));
}
