/** Credentials for the rest of the gateway: the store, its admin methods, what the proxy asks. */
export { credentialMethods } from "./methods.ts";
export type { CredentialPort } from "./ports.ts";
export { basicLabels, CredentialStore, type CredentialStoreOptions, type LabelsOf } from "./store.ts";
