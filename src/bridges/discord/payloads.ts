/** What Discord sends, as far as it is used, as zod schemas. Everything else in a payload is ignored, whatever it is. */
import { z } from "zod";

/** A Discord id. */
export const Snowflake = z.string().regex(/^\d{1,20}$/);

/** A person or bot. */
export const UserFacts = z.looseObject({
  id: Snowflake,
  username: z.string().default(""),
  global_name: z.string().nullish(),
  bot: z.boolean().optional(),
});

/** A file of a message. */
const AttachmentFacts = z.looseObject({
  url: z.string().max(4_000),
  filename: z.string().default("file"),
  content_type: z.string().nullish().catch(undefined),
  size: z.number().optional().catch(undefined),
});

/** A message, from the gateway or from history. */
export const MessageFacts = z.looseObject({
  id: Snowflake,
  channel_id: Snowflake,
  type: z.number(),
  author: UserFacts,
  content: z.string().default(""),
  guild_id: Snowflake.nullish(),
  webhook_id: z.string().nullish(),
  mentions: z.array(UserFacts).catch([]),
  attachments: z.array(AttachmentFacts).catch([]),
  edited_timestamp: z.string().nullish().catch(null),
  flags: z.number().catch(0),
  referenced_message: z
    .looseObject({ author: UserFacts, content: z.string().catch("") })
    .nullish()
    .catch(null),
  /** What a forward shows. Discord doesn't tell whose words they are. */
  message_snapshots: z
    .array(
      z.looseObject({
        message: z.looseObject({
          content: z.string().catch(""),
          attachments: z.array(AttachmentFacts).catch([]),
        }),
      }),
    )
    .nullish()
    .catch(null),
  components: z.array(z.unknown()).catch([]),
});
export type MessageFacts = z.infer<typeof MessageFacts>;

const Option = z.looseObject({
  name: z.string(),
  value: z.union([z.string(), z.number(), z.boolean()]).optional(),
});

/** A slash command (type 2) or a press of a button (type 3). */
export const InteractionFacts = z.looseObject({
  id: Snowflake,
  application_id: Snowflake,
  type: z.number(),
  token: z.string().min(1).max(500),
  channel_id: Snowflake,
  channel: z.looseObject({ name: z.string().nullish() }).nullish().catch(null),
  guild_id: Snowflake.nullish(),
  user: UserFacts.nullish(),
  member: z.looseObject({ user: UserFacts }).nullish(),
  locale: z.string().optional().catch(undefined),
  data: z
    .looseObject({
      name: z.string().optional(),
      custom_id: z.string().optional(),
      options: z.array(Option).optional().catch([]),
    })
    .nullish(),
  message: MessageFacts.nullish(),
});
export type InteractionFacts = z.infer<typeof InteractionFacts>;

/** A channel or thread of a guild. */
const ChannelFacts = z.looseObject({
  id: Snowflake,
  type: z.number(),
  name: z.string().nullish(),
  last_message_id: Snowflake.nullish(),
});

/** A guild as it is told after READY. Channels that aren't understood are left out, never the others. */
export const GuildFacts = z.looseObject({
  id: Snowflake,
  channels: z.array(ChannelFacts.nullable().catch(null)).catch([]),
  threads: z.array(ChannelFacts.nullable().catch(null)).catch([]),
});
