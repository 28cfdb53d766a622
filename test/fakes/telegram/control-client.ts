/** The control side over HTTP, for tests whose fake runs in another process. Same names as {@link FakeBot}. */
import type { FakeBot } from "./bot.ts";

type Remote<T> = T extends (...args: infer A) => infer R ? (...args: A) => Promise<Awaited<R>> : never;
type Controls =
  | "addUser"
  | "addGroup"
  | "say"
  | "sayFile"
  | "sayAlbum"
  | "editOwn"
  | "press"
  | "callbackAnswer"
  | "callbackDelay"
  | "forward"
  | "pressStop"
  | "block"
  | "deleteForBoth"
  | "messages"
  | "fromBot"
  | "draft"
  | "draftsOf"
  | "typingCount"
  | "fault"
  | "clearFaults"
  | "callsOf"
  | "commandsOf"
  | "unconfirmed";

/** Each control as an async function. */
export type ControlClient = { [K in Controls]: Remote<FakeBot[K]> };

/** Controls the fake that listens at `url`. */
export function controlClient(url: string): ControlClient {
  return new Proxy({} as ControlClient, {
    get:
      (_, action) =>
      async (...args: unknown[]) => {
        const response = await fetch(`${url}/control/${String(action)}`, {
          method: "POST",
          body: JSON.stringify(args),
        });
        const { result, error } = (await response.json()) as { result?: unknown; error?: string };
        if (error !== undefined) throw new Error(error);
        return result ?? undefined;
      },
  });
}
