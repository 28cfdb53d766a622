/** The store's public face: everything another component may import. */
export type * from "./access-ports.ts";
export * from "./access-records.ts";
export { AccessWatch } from "./access-watch.ts";
export { type AclUser, aclFile, type RedisRole, ROLES } from "./acl.ts";
export * from "./approval-records.ts";
export type * from "./bridge-port.ts";
export type { ConversationLook, ConversationPort, PastTurn } from "./conversations.ts";
export { type EmbeddedRedis, startEmbeddedRedis } from "./embedded.ts";
export type { HomeAnswerPort, HomeFile, HomeLook, HomeLookPort } from "./home-looks.ts";
export type { OperatorPort, Pause, QueueRow, UsageRow, WishPort } from "./operator.ts";
export * from "./policy-records.ts";
export type * from "./ports.ts";
export * from "./records.ts";
export { repeated } from "./repeat.ts";
export { ShutWatch } from "./shut-watch.ts";
export type { SocketPort, Watermark } from "./sockets.ts";
export { openStore, type Store, type StoreOptions } from "./store.ts";
