/**
 * YAML with positions: what `config.yaml` says and where, so that an error can name file:line:column.
 * Knows nothing of what the settings mean.
 */
import { isMap, isNode, isScalar, LineCounter, type Node, parseDocument } from "yaml";
import { Fault } from "./errors.ts";

/** A file's content as plain data, and where each part of it was written. */
export interface ConfigSource {
  value: unknown;
  /** `file:line:column` of the value or key at a path; of the nearest parent when it is not there itself. */
  locate(path: readonly PropertyKey[], what: "key" | "value"): string;
}

/**
 * Reads a mapping from YAML text; no text is an empty mapping.
 * @throws Fault `config-invalid` with file:line:column for text that is no YAML, or no mapping.
 */
export function readYaml(file: string, text: string | undefined): ConfigSource {
  const lines = new LineCounter();
  const document = parseDocument(text ?? "", { lineCounter: lines, prettyErrors: false });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  const problem = document.errors[0];
  if (problem)
    throw new Fault({ code: "config-invalid", message: `${at(problem.pos[0])}: ${problem.message}` });
  const value: unknown = document.toJS() ?? {};
  if (typeof value !== "object" || Array.isArray(value))
    throw new Fault({
      code: "config-invalid",
      message: `${at(0)}: expected settings of the form "name: value"`,
    });

  const locate: ConfigSource["locate"] = (path, what) => {
    let node: Node | null = document.contents;
    let offset = node?.range?.[0] ?? 0;
    for (const [depth, key] of path.entries()) {
      if (isMap(node)) {
        const pair = node.items.find((item) => isScalar(item.key) && item.key.value === key);
        if (!pair || !isScalar(pair.key)) break;
        offset = pair.key.range?.[0] ?? offset;
        if (what === "key" && depth === path.length - 1) break;
        node = isNode(pair.value) ? pair.value : null;
      } else {
        const child: unknown =
          node && "get" in node ? (node as { get(k: unknown, keep: true): unknown }).get(key, true) : null;
        if (!isNode(child)) break;
        node = child;
      }
      offset = node?.range?.[0] ?? offset;
    }
    return text === undefined ? file : at(offset);
  };
  return { value, locate };
}
