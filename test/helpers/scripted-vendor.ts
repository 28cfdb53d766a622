/**
 * A model vendor for e2e tests with the real agent: the strict fake, answering what the built-in demo would (sums, tool
 * calls, slow counting), so that the whole path to a vendor is used and what OpenClaw really sent can be looked at.
 */
import { readConversation } from "../../src/gateway/inference/demo/conversation.ts";
import { replyTo } from "../../src/gateway/inference/demo/reply.ts";
import { type Behaviour, type FakeVendor, startFakeVendor } from "../fakes/vendor/index.ts";

/** The vendor's key: must never be seen anywhere but at the vendor. */
export const VENDOR_KEY = "sk-e2e-vendor-key-0123456789abcdef";

/** Starts it; point the `compatible` provider at {@link vendorConfig}. */
export async function startScriptedVendor(): Promise<FakeVendor> {
  const vendor = await startFakeVendor({ key: VENDOR_KEY, models: ["fake-1", "fake-2"] });
  vendor.otherwise = scripted;
  return vendor;
}

/** What the built-in demo would answer, as the fake vendor's behaviour. */
export function scripted(body: Record<string, unknown>): Behaviour {
  const reply = replyTo(readConversation(body));
  if (reply.kind === "tool") return { tool: { name: reply.name, arguments: JSON.stringify(reply.args) } };
  return { text: reply.pieces.join(""), chunkMs: reply.slow ? 250 : 0 };
}

/** `inference:` of config.yaml for it. */
export const vendorConfig = (vendor: FakeVendor): Record<string, unknown> => ({
  default: { provider: "compatible", model: "fake-1" },
  models: [{ provider: "compatible", model: "fake-2" }],
  providers: { compatible: { baseUrl: vendor.url } },
});
