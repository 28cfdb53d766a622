/** What the operator's commands may do with credentials: `credentials.add`, `credentials.list`, `credentials.remove`. */
import { z } from "zod";
import { type AdminMethods, adminMethod } from "../../lib/admin/methods.ts";
import { Credential } from "./model.ts";
import type { CredentialStore } from "./store.ts";

/** The methods over one store. The secret comes in the parameters of `add` and goes out nowhere. */
export function credentialMethods(store: CredentialStore): AdminMethods {
  return {
    "credentials.add": adminMethod(Credential, async (credential) => store.add(credential)),
    "credentials.list": adminMethod(z.strictObject({}), async () => ({ credentials: store.list() })),
    "credentials.remove": adminMethod(z.strictObject({ name: z.string().max(64) }), async ({ name }) => {
      store.remove(name);
      return { removed: name };
    }),
  };
}
