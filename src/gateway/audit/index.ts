/** The audit's public face: the writer for the gateway, reading and checking for the operator's commands. */
export { type AuditPlaces, auditFiles, auditPlaces, storedLines } from "./files.ts";
export { AuditLog, type AuditLogOptions } from "./log.ts";
export type { NoteKind, NoteValue } from "./row.ts";
export { type Problem, type Verdict, verifyAudit } from "./verify.ts";
