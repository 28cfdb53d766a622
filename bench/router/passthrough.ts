/**
 * The yardstick: a pass-through that swaps the key and does nothing else. Reads a unix socket, calls by undici, streams
 * both ways, hands aborts on. Prints `{"ready":true}`; ends with its stdin.
 */
import { createServer } from "node:http";
import { pipeline } from "node:stream";
import { Pool } from "undici";

const [socketPath = "", origin = "", key = ""] = process.argv.slice(2);
const pool = new Pool(origin, { keepAliveTimeout: 30_000 });

const server = createServer((req, res) => {
  const controller = new AbortController();
  res.on("close", () => {
    if (!res.writableFinished) controller.abort();
  });
  pool
    .request({
      method: "POST",
      path: req.url ?? "/",
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${key}`,
        ...(req.headers["content-length"] ? { "content-length": req.headers["content-length"] } : {}),
      },
      body: req,
      signal: controller.signal,
    })
    .then((answer) => {
      res.writeHead(answer.statusCode, { "content-type": String(answer.headers["content-type"]) });
      pipeline(answer.body, res, () => {});
    })
    .catch(() => {
      if (!res.headersSent) res.writeHead(502);
      res.end();
    });
});
server.listen(socketPath, () => console.log(JSON.stringify({ ready: true })));
process.stdin.resume().on("end", () => process.exit(0));
