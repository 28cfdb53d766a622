/** One row of the audit as a line for people. Pure; nothing in a row can end the line or steer the terminal. */

type Row = Record<string, unknown>;

// Control, format (bidirectional marks), surrogate, private and separator characters.
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu;

/** Text without anything that a terminal would obey. */
export function visible(value: unknown): string {
  return String(value).replace(UNSAFE, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);
}

/** The row as a line; what is no row is shown as such. */
export function describeRow(line: string, color: boolean): string {
  let row: Row;
  try {
    row = JSON.parse(line) as Row;
  } catch {
    return `? not a row: ${visible(line.slice(0, 200))}`;
  }
  const paint = (code: number, text: string) => (color ? `\u001b[${code}m${text}\u001b[0m` : text);
  const time = visible(row["time"]);
  const who = row["sandbox"] === undefined ? "" : `  ${visible(row["sandbox"])}`;
  if (row["event"] === "note") {
    const fields = Object.entries((row["fields"] ?? {}) as Row)
      .map(([name, value]) => `${visible(name)}=${visible(value)}`)
      .join(" ");
    return `${time}  ${paint(33, visible(row["kind"]))}${who}  ${fields}`.trimEnd();
  }
  const closed = row["event"] === "close";
  const word = closed ? "close" : visible(row["verdict"]);
  const verdict = paint(closed ? 2 : row["verdict"] === "allow" ? 32 : 31, word);
  const host = visible(row["host"]);
  const where = `${host.includes(":") ? `[${host}]` : host}:${visible(row["port"])}`;
  const what = [row["method"] ?? row["scheme"], `${where}${visible(row["path"] ?? "")}`]
    .map(visible)
    .join(" ");
  const details = [
    row["program"] === undefined ? "" : `by ${visible(row["program"])}`,
    ...(closed
      ? [`${visible(row["bytesUp"])} B up`, `${visible(row["bytesDown"])} B down`, `${visible(row["ms"])} ms`]
      : [
          visible(row["reason"]),
          row["rule"] === undefined ? "" : `rule ${visible(row["rule"])}`,
          row["decidedBy"] === undefined ? "" : `decided by ${visible(row["decidedBy"])}`,
        ]),
  ].filter(Boolean);
  return `${time}  ${verdict}${who}  ${what}  ${details.join(", ")}`;
}
