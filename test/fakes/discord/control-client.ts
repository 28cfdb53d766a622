/** The control side over HTTP, for tests whose fake runs in another process. Same names as {@link FakeBot}. */
import type { FakeBot } from "./bot.ts";
import type { CONTROLS } from "./server.ts";

type Remote<T> = T extends (...args: infer A) => infer R ? (...args: A) => Promise<Awaited<R>> : never;

/** Each control as an async function. */
export type ControlClient = { [K in (typeof CONTROLS)[number]]: Remote<FakeBot[K]> };

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
