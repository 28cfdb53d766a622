/**
 * Interactions: 3 s to the first response, 15 min for the token, one response only; then `@original` and follow-ups.
 * @see Discord, "Receiving and Responding to Interactions"
 */
import {
  ApiError,
  alreadyAcknowledged,
  invalidForm,
  invalidWebhookToken,
  unknownInteraction,
  unknownWebhook,
} from "./errors.ts";
import { checkPayload, type Payload } from "./payload.ts";
import type { Body } from "./request.ts";
import { FLAGS, type StoredMessage } from "./state.ts";

/** First response. */
export const RESPONSE_MS = 3_000;
/** Life of the token. */
export const TOKEN_MS = 15 * 60_000;

/** One interaction. */
export interface Interaction {
  id: string;
  token: string;
  kind: "command" | "component";
  channel: string;
  user: string;
  /** When it was sent (ms); moved back by tests to make it old. */
  at: number;
  /** When it was answered first, 0 before. */
  answeredAt: number;
  /** Callback type of the first response, 0 before. */
  response: number;
  ephemeral: boolean;
  /** Message that `@original` names. */
  original: string | undefined;
  /** Component: the message that carries it. */
  message: string | undefined;
}

/** What a callback asks for. */
export type Callback =
  | { kind: "message"; payload: Payload }
  | { kind: "defer"; ephemeral: boolean }
  | { kind: "defer-update" }
  | { kind: "update"; payload: Payload };

/** Checks the first response. @throws ApiError 10062, 40060, 50035 */
export function checkCallback(
  interaction: Interaction | undefined,
  token: string,
  body: Body,
  carrier: StoredMessage | undefined,
): Callback {
  if (!interaction || interaction.token !== token) throw unknownInteraction();
  if (interaction.response !== 0) throw alreadyAcknowledged();
  if (Date.now() - interaction.at > RESPONSE_MS) throw unknownInteraction();
  const { type, data = {} } = body.json as { type?: number; data?: Record<string, unknown> };
  const inner: Body = { json: data, files: body.files };
  const flags = typeof data["flags"] === "number" ? data["flags"] : 0;
  switch (type) {
    case 4:
      return { kind: "message", payload: checkPayload(inner) };
    case 5:
      return { kind: "defer", ephemeral: (flags & FLAGS.ephemeral) !== 0 };
    case 6:
    case 7: {
      if (interaction.kind !== "component")
        throw invalidForm("type", "INTERACTION_CALLBACK_TYPE_INVALID", "Only components can be updated");
      if (type === 6) return { kind: "defer-update" };
      const now = carrier?.versions.at(-1);
      const before = now && { ...now, files: carrier?.attachments.length ?? 0 };
      return { kind: "update", payload: checkPayload(inner, before) };
    }
    default:
      throw invalidForm(
        "type",
        "BASE_TYPE_CHOICES",
        `Callback type ${String(type)} is not known to the fake`,
      );
  }
}

/** The interaction that a webhook's token belongs to. @throws ApiError 10015, 50027 */
export function checkToken(interaction: Interaction | undefined): Interaction {
  if (!interaction) throw unknownWebhook();
  if (Date.now() - interaction.at > TOKEN_MS) throw invalidWebhookToken();
  // Before the first response there is nothing to edit or to follow.
  if (interaction.response === 0) throw unknownWebhook();
  return interaction;
}

/** Checks what `PUT /applications/{id}/commands` may hold. @throws ApiError 50035 */
export function checkCommands(list: unknown): Record<string, unknown>[] {
  if (!Array.isArray(list))
    throw invalidForm("_", "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType");
  if (list.length > 100)
    throw new ApiError(400, 30_032, "Maximum number of application commands reached (100)");
  const names = new Set<string>();
  for (const [index, command] of (list as Record<string, unknown>[]).entries()) {
    const { name, description, options, type = 1 } = command;
    checkName(`${index}.name`, name);
    if (type === 1) checkDescription(`${index}.description`, description);
    if (names.has(String(name)))
      throw invalidForm(`${index}`, "APPLICATION_COMMANDS_DUPLICATE_NAME", "Command names must be unique");
    names.add(String(name));
    for (const [at, option] of ((options ?? []) as Record<string, unknown>[]).entries()) {
      checkName(`${index}.options.${at}.name`, option["name"]);
      checkDescription(`${index}.options.${at}.description`, option["description"]);
      if (typeof option["type"] !== "number")
        throw invalidForm(`${index}.options.${at}.type`, "BASE_TYPE_REQUIRED", "This field is required");
    }
  }
  return list as Record<string, unknown>[];
}

function checkName(path: string, name: unknown): void {
  if (typeof name !== "string" || !/^[-_'\p{L}\p{N}]{1,32}$/u.test(name) || name !== name.toLowerCase())
    throw invalidForm(path, "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid");
}

function checkDescription(path: string, text: unknown): void {
  if (typeof text !== "string" || text.length < 1 || text.length > 100)
    throw invalidForm(path, "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.");
}
