import assert from "node:assert/strict";
import { parseHost } from "../../../src/gateway/egress/guard/index.ts";
import { type CompiledPolicy, compilePolicy, type Fallback } from "../../../src/gateway/policy/compile.ts";
import {
  type Decision,
  decideConnection,
  decideRequest,
  type Grant,
} from "../../../src/gateway/policy/decide.ts";
import { loadPolicy } from "../../../src/gateway/policy/from-file.ts";
import { formatNotices, type PolicyModel } from "../../../src/gateway/policy/model.ts";

/** The model of a file that must load. */
export function model(text: string): PolicyModel {
  const loaded = loadPolicy("policy.yaml", text);
  assert.ok(loaded.ok, loaded.ok ? "" : formatNotices(loaded.problems));
  return loaded.value;
}

/** A file, compiled alone. */
export function compiled(text: string, fallback: Fallback = "deny"): CompiledPolicy {
  const { rules, denials } = model(text);
  return compilePolicy({ hash: "test", fallback, rules, denials });
}

/** Everything that is wrong with a file, one line each. */
export function problems(text: string): string {
  const loaded = loadPolicy("policy.yaml", text);
  assert.ok(!loaded.ok, "expected the file to be refused");
  return formatNotices(loaded.problems);
}

/** A decision for `host:port`. */
export function connect(
  policy: CompiledPolicy,
  to: string,
  binary?: string,
  grants: readonly Grant[] = [],
): Decision {
  const at = to.lastIndexOf(":");
  const parsed = parseHost(to.slice(0, at));
  assert.ok(parsed.ok);
  const { host, ip } = parsed.value;
  const attempt = {
    host,
    ...(ip ? { ip } : {}),
    port: Number(to.slice(at + 1)),
    ...(binary ? { binary } : {}),
  };
  return decideConnection(policy, attempt, grants);
}

/** What {@link request} may be told beyond method and target. */
export interface RequestExtras {
  readonly binary?: string;
  readonly upgrade?: boolean;
  readonly tunnelled?: boolean;
  readonly encodedSlash?: boolean;
  readonly grants?: readonly Grant[];
}

/** A decision for a request to `host:port/path?query`. */
export function request(
  policy: CompiledPolicy,
  method: string,
  to: string,
  extras: RequestExtras = {},
): Decision {
  const [, host = "", port = "", path = "/", search = ""] = /^([^/]*):(\d+)([^?]*)(?:\?(.*))?$/.exec(to)!;
  const query = new Map<string, string[]>();
  for (const [key, value] of new URLSearchParams(search)) query.set(key, [...(query.get(key) ?? []), value]);
  return decideRequest(
    policy,
    {
      host,
      port: Number(port),
      method,
      path,
      barePath: path.replace(/;[^/]*/g, ""),
      encodedSlash: extras.encodedSlash ?? false,
      query,
      upgrade: extras.upgrade ?? false,
      tunnelled: extras.tunnelled ?? false,
      ...(extras.binary ? { binary: extras.binary } : {}),
    },
    extras.grants,
  );
}
