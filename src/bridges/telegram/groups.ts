/**
 * What Telegram tells of groups: the bot was added, a group got another id. And requests to a group that moved: sent
 * again to where it is now, since the first one certainly had no effect.
 */
import type { Api } from "grammy";
import type { Update } from "grammy/types";
import type { GroupNews } from "../core/index.ts";

/** News of a group. */
export type GroupUpdate =
  | { kind: "added"; news: GroupNews }
  | { kind: "moved"; from: string; to: string; updateKey: string };

const PRESENT = new Set(["member", "administrator"]);

/** Reads an update; undefined when it is no such news. */
export function readGroupUpdate(update: Update): GroupUpdate | undefined {
  const updateKey = String(update.update_id);
  const { my_chat_member: change, message } = update;
  if (change) {
    const { chat, from, old_chat_member: old, new_chat_member: now } = change;
    const group = chat.type === "group" || chat.type === "supergroup";
    if (!group || from.is_bot || !PRESENT.has(now.status) || PRESENT.has(old.status)) return undefined;
    const name = [from.first_name, from.last_name].filter(Boolean).join(" ");
    const by = { id: String(from.id), name };
    return { kind: "added", news: { by, id: String(chat.id), title: chat.title, guild: false, updateKey } };
  }
  // Telegram tells it in both chats, in any order; these are its own words, no member can send them.
  if (message?.migrate_to_chat_id !== undefined)
    return {
      kind: "moved",
      from: String(message.chat.id),
      to: String(message.migrate_to_chat_id),
      updateKey,
    };
  if (message?.migrate_from_chat_id !== undefined)
    return {
      kind: "moved",
      from: String(message.migrate_from_chat_id),
      to: String(message.chat.id),
      updateKey,
    };
  return undefined;
}

/** Groups that moved in this process's life; bounded. */
const KEPT = 1_000;

/** Makes requests follow groups that moved (Bot API "ResponseParameters": `migrate_to_chat_id`). */
export function followMoves(api: Api): void {
  const moved = new Map<string, number>();
  api.config.use(async (call, method, payload, signal) => {
    const chat = (payload as { chat_id?: number | string }).chat_id;
    const known = chat === undefined ? undefined : moved.get(String(chat));
    const to = (id: number) => ({ ...payload, chat_id: id });
    const response = await call(method, known === undefined ? payload : to(known), signal);
    if (response.ok || chat === undefined) return response;
    const target = response.parameters?.migrate_to_chat_id;
    if (target === undefined) return response;
    moved.set(String(chat), target);
    const [oldest] = moved.keys();
    if (moved.size > KEPT && oldest !== undefined) moved.delete(oldest);
    return await call(method, to(target), signal);
  });
}
