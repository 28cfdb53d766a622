/**
 * A real browser for tests: headless Chromium over its DevTools protocol (a WebSocket of Node's own), one page. Its
 * profile is thrown away; it can be reached by nobody else.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { waitUntil } from "./service.ts";

/** Why there can't be one here, or false. */
export function noChromium(): string | false {
  return spawnSync("chromium", ["--version"], { stdio: "ignore" }).status === 0 ? false : "needs chromium";
}

/** A page. */
export interface Page {
  goto(url: string): Promise<void>;
  /** Value of an expression in the page; a promise's is waited for. */
  evaluate<T>(expression: string): Promise<T>;
  /** Waits until an expression is true; fails with the page's text. */
  until(expression: string, ms?: number): Promise<void>;
  /** Clicks, as a mouse does, in the middle of the element that the expression gives. */
  click(element: string): Promise<void>;
  /** Types into what has the focus. */
  type(text: string): Promise<void>;
  press(key: "Enter" | "Tab" | "Escape"): Promise<void>;
  resize(width: number, height: number, options?: { dark?: boolean; phone?: boolean }): Promise<void>;
  screenshot(file: string): Promise<void>;
  /** What the page complained of: exceptions, errors on its console, refused by its policy. */
  readonly complaints: string[];
  close(): Promise<void>;
}

/** Starts a browser with one empty page. */
export async function startChromium(): Promise<Page> {
  const profile = mkdtempSync(join(tmpdir(), "nc-chromium-"));
  const child = spawn(
    "chromium",
    [
      ...["--headless=new", "--remote-debugging-port=0", "--no-first-run", "--disable-gpu", "--disable-sync"],
      ...[
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-extensions",
      ],
      ...[`--user-data-dir=${profile}`, "about:blank"],
    ],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  const browser = await addressOf(child);
  const target = (
    (await (await fetch(`http://${new URL(browser).host}/json`)).json()) as {
      type: string;
      webSocketDebuggerUrl: string;
    }[]
  ).find(({ type }) => type === "page");
  const socket = new WebSocket(target?.webSocketDebuggerUrl ?? "");
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve, { once: true });
    socket.addEventListener("error", reject, { once: true });
  });
  const complaints: string[] = [];
  const waiting = new Map<number, (reply: Reply) => void>();
  const events = new Map<string, () => void>();
  let lastId = 0;
  socket.addEventListener("message", ({ data }) => {
    const message = JSON.parse(String(data)) as Reply & { id?: number; method?: string; params?: unknown };
    if (message.id !== undefined) waiting.get(message.id)?.(message);
    else if (message.method) {
      events.get(message.method)?.();
      if (message.method === "Runtime.exceptionThrown" || message.method === "Log.entryAdded")
        complaints.push(JSON.stringify(message.params).slice(0, 1_000));
    }
  });
  const send = <T>(method: string, params: object = {}) =>
    new Promise<T>((resolve, reject) => {
      const id = ++lastId;
      waiting.set(id, ({ error, result }) => {
        waiting.delete(id);
        if (error) reject(new Error(`${method}: ${error.message}`));
        else resolve(result as T);
      });
      socket.send(JSON.stringify({ id, method, params }));
    });
  for (const domain of ["Page", "Runtime", "Log"]) await send(`${domain}.enable`);

  const page: Page = {
    complaints,
    async goto(url) {
      const loaded = new Promise<void>((resolve) => events.set("Page.loadEventFired", resolve));
      await send("Page.navigate", { url });
      await loaded;
    },
    async evaluate<T>(expression: string) {
      const { result, exceptionDetails } = await send<{
        result: { value: T };
        exceptionDetails?: { exception?: { description?: string } };
      }>("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
      if (exceptionDetails) throw new Error(`${expression}: ${exceptionDetails.exception?.description}`);
      return result.value;
    },
    async until(expression, ms = 20_000) {
      let text = "";
      await waitUntil(
        async () => {
          text = await page.evaluate<string>("document.body.innerText");
          return page.evaluate<boolean>(`!!(${expression})`);
        },
        ms,
        () => `${expression} is not so; the page says:\n${text}`,
      );
    },
    async click(element) {
      const { x, y } = await page.evaluate<{ x: number; y: number }>(
        `(() => { const e = ${element}; e.scrollIntoView({ block: "nearest" }); const r = e.getBoundingClientRect(); return { x: r.x + r.width / 2, y: r.y + r.height / 2 }; })()`,
      );
      const mouse = (type: string) =>
        send("Input.dispatchMouseEvent", { type, x, y, button: "left", clickCount: 1 });
      await mouse("mousePressed");
      await mouse("mouseReleased");
    },
    type: (text) => send("Input.insertText", { text }),
    async press(key) {
      const code = { Enter: 13, Tab: 9, Escape: 27 }[key];
      const event = {
        key,
        code: key,
        windowsVirtualKeyCode: code,
        ...(key === "Enter" ? { text: "\r" } : {}),
      };
      await send("Input.dispatchKeyEvent", { type: "keyDown", ...event });
      await send("Input.dispatchKeyEvent", { type: "keyUp", ...event });
    },
    async resize(width, height, { dark = false, phone = false } = {}) {
      await send("Emulation.setDeviceMetricsOverride", {
        width,
        height,
        deviceScaleFactor: 1,
        mobile: phone,
      });
      const features = [{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }];
      await send("Emulation.setEmulatedMedia", { features });
    },
    async screenshot(file) {
      const { data } = await send<{ data: string }>("Page.captureScreenshot", { format: "png" });
      writeFileSync(file, Buffer.from(data, "base64"));
    },
    async close() {
      const gone = new Promise((resolve) => child.once("close", resolve));
      // Its answer may be cut off by its end.
      void send("Browser.close").catch(() => {});
      const late = setTimeout(() => child.kill("SIGKILL"), 5_000);
      await gone;
      clearTimeout(late);
      socket.close();
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  return page;
}

interface Reply {
  error?: { message: string };
  result?: unknown;
}

/** Where the browser listens, as it says itself. */
function addressOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const said: string[] = [];
    createInterface({ input: child.stderr! }).on("line", (line) => {
      said.push(line);
      const address = /DevTools listening on (ws:\S+)/.exec(line)?.[1];
      if (address) resolve(address);
    });
    child.once("close", (code) =>
      reject(new Error(`chromium ended with ${code}: ${said.slice(-5).join("\n")}`)),
    );
  });
}
