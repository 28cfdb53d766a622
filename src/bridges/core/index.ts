/** The platform-independent half of every bridge. */

export type { GroupNews } from "./access/door.ts";
export {
  type Admission,
  type Admit,
  type AllowList,
  admitListed,
  decideAccess,
  type Place,
  parseAllowList,
  type Role,
  type Visitor,
} from "./access.ts";
export { backoffMs } from "./backoff.ts";
export { withoutMarkIn } from "./cards/marker.ts";
export { verbOf } from "./cards/press.ts";
export { cardContent } from "./cards/render.ts";
export { handlePress, type PressAnswer, type PressDeps, type PressEvent } from "./cards/taps.ts";
export { LANGUAGES, phrase, type Words, wordsOf } from "./catalogue.ts";
export { COMMAND_TABLE, type Command, commandMenu, commandOfData, type MenuEntry } from "./commands.ts";
export { BridgeCore, type BridgeStore, bridgeStoreOf, type CoreFiles, type StoreForBridges } from "./core.ts";
export { handleInbound, type InboundDeps, type InboundMessage, type InboundOutcome } from "./inbound.ts";
export { handleEdit, handleStopPress } from "./late-changes.ts";
export { type Blocks, parseMarkdown } from "./markdown/parse.ts";
export { listMarker, plainInline, plainText } from "./markdown/plain.ts";
export { tableLines } from "./markdown/table.ts";
export { unlinked } from "./markdown/unlinked.ts";
export { pause } from "./pause.ts";
export type {
  AnchorKey,
  BridgePlatform,
  Button,
  Capabilities,
  CardFacts,
  Content,
  FileRef,
  Limits,
  MessageContext,
  Outcome,
  OutgoingFile,
  RefusalReason,
  Style,
} from "./port.ts";
export type { Quote } from "./quotation.ts";
export type { Offers } from "./run-command.ts";
export { splitBlocks } from "./split.ts";
