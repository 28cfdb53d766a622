/** The control side of a fake platform over HTTP, for tests whose fake runs in another process. */

type Remote<T> = T extends (...args: infer A) => infer R ? (...args: A) => Promise<Awaited<R>> : never;

/** Each of a bot's controls as an async function. */
export type Controls<Bot, Names extends keyof Bot> = { [K in Names]: Remote<Bot[K]> };

/** Controls the fake that listens at `url`. */
export function controlsAt<Bot, Names extends keyof Bot>(url: string): Controls<Bot, Names> {
  return new Proxy({} as Controls<Bot, Names>, {
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
