/**
 * The vendor's `POST /audio/transcriptions`: a strict reader of multipart/form-data (RFC 7578) and the checks that OpenAI
 * makes of such a form. A router that sends what a vendor would refuse fails its tests here.
 */
import type { IncomingHttpHeaders } from "node:http";
import type { Complaint } from "./strict.ts";

/** What a good form held. */
export interface Form {
  fields: Record<string, string>;
  file: { name: string; type: string; bytes: Buffer };
}

/** Models of speech; one bills by the minute, one by tokens. */
export const SPEECH_MODELS = new Set(["fake-whisper", "fake-transcribe"]);
/** OpenAI: files are at most 25 MB. */
const MAX_FILE = 25 * 1024 * 1024;
const ENDINGS = new Set("flac m4a mp3 mp4 mpeg mpga oga ogg wav webm".split(" "));
const KNOWN = new Set("file model language prompt response_format temperature".split(" "));

/** Reads and checks a request. */
export function readForm(
  raw: Buffer,
  headers: IncomingHttpHeaders,
  key: string,
): { complaint: Complaint } | { form: Form } {
  const no = (message: string, status = 400) => ({ complaint: { status, message } });
  if (headers.authorization !== `Bearer ${key}`) return no("Incorrect API key provided.", 401);
  if (Number(headers["content-length"]) !== raw.length) return no("Content-Length is missing or wrong", 411);
  const boundary = /^multipart\/form-data; boundary=([0-9A-Za-z'()+_,./:=?-]{1,70})$/.exec(
    headers["content-type"] ?? "",
  )?.[1];
  if (boundary === undefined) return no("Content-Type isn't multipart/form-data with a boundary", 415);
  const parts = partsOf(raw, boundary);
  if (typeof parts === "string") return no(`Could not parse multipart form: ${parts}`);
  const fields: Record<string, string> = {};
  let file: Form["file"] | undefined;
  for (const { name, fileName, type, bytes } of parts) {
    if (!KNOWN.has(name)) return no(`Unrecognized request argument supplied: ${name}`);
    if (name in fields || (name === "file" && file)) return no(`${name} is there twice`);
    if (name !== "file") fields[name] = bytes.toString("utf8");
    else if (fileName === undefined || type === undefined) return no("file is no file");
    else file = { name: fileName, type, bytes };
  }
  if (!file) return no("you must provide a file");
  if (!SPEECH_MODELS.has(fields["model"] ?? ""))
    return no(`The model '${fields["model"]}' does not exist.`, 404);
  if (fields["response_format"] !== "json") return no("response_format isn't supported by this model");
  if (file.bytes.length === 0) return no("Audio file is too short");
  if (file.bytes.length > MAX_FILE) return no("Maximum content size limit (26214400) exceeded", 413);
  const ending = file.name.split(".").at(-1) ?? "";
  const sound = ending !== "ogg" || file.bytes.subarray(0, 4).equals(Buffer.from("OggS"));
  if (!ENDINGS.has(ending) || !sound) return no("Invalid file format.");
  return { form: { fields, file } };
}

interface Part {
  name: string;
  fileName: string | undefined;
  type: string | undefined;
  bytes: Buffer;
}

function partsOf(raw: Buffer, boundary: string): Part[] | string {
  const line = Buffer.from(`--${boundary}`);
  const parts: Part[] = [];
  if (!raw.subarray(0, line.length).equals(line)) return "it doesn't begin with its boundary";
  let at = line.length;
  for (;;) {
    const after = raw.toString("latin1", at, at + 4);
    if (after.startsWith("--"))
      return after === "--\r\n" && raw.length === at + 4 ? parts : "text behind the end";
    if (!after.startsWith("\r\n")) return "no line end behind the boundary";
    const head = raw.indexOf("\r\n\r\n", at);
    const end = raw.indexOf(Buffer.concat([Buffer.from("\r\n"), line]), at + 2);
    if (head < 0 || end < head + 4) return "a part doesn't end";
    const part = headOf(raw.toString("utf8", at + 2, head));
    if (!part) return "a part's headers are wrong";
    parts.push({ ...part, bytes: raw.subarray(head + 4, end) });
    at = end + 2 + line.length;
  }
}

function headOf(text: string): Omit<Part, "bytes"> | undefined {
  const [first = "", second, ...more] = text.split("\r\n");
  const disposition =
    /^Content-Disposition: form-data; name="([^"\r\n]+)"(?:; filename="([^"\r\n/\\]+)")?$/.exec(first);
  const type = /^Content-Type: ([a-z]+\/[\w.+-]+)$/.exec(second ?? "");
  if (!disposition || more.length > 0 || (second !== undefined && !type)) return undefined;
  return { name: disposition[1] ?? "", fileName: disposition[2], type: type?.[1] };
}
