/** A fake with people and groups in it, and a client that is as plain as possible. */
import assert from "node:assert/strict";
import { type FakeTelegram, startFakeTelegram } from "./index.ts";

/** Ids of the rule tests. */
export const ANN = 1001;
export const GROUP = -4001;
export const FORUM = -1004002;
/** What every text must carry. */
export const OFF = { link_preview_options: { is_disabled: true } };

/** An answer of the Bot API; `result` is whatever the method gives. */
export interface Answer {
  ok: boolean;
  error_code?: number;
  description?: string;
  parameters?: { retry_after: number };
  // biome-ignore lint/suspicious/noExplicitAny: each method has its own
  result: any;
}

/** What a rule test uses. */
export interface Rules {
  fake: FakeTelegram;
  /** Moves the clock of the flood limits. */
  pass(ms: number): void;
  call(method: string, params?: object, token?: string): Promise<Answer>;
  /** Asserts a refusal and its wording. */
  refused(method: string, params: object, want: RegExp, code?: number): Promise<void>;
  send(text: string, more?: object): Promise<Answer>;
  sent(text: string, more?: object): Promise<number>;
}

/** Starts it. */
export async function startRules(): Promise<Rules> {
  let now = 1_000_000;
  const fake = await startFakeTelegram({ limits: { now: () => now } });
  fake.bot.addUser({ id: ANN, first_name: "Ann" });
  fake.bot.addGroup({ id: GROUP });
  fake.bot.addGroup({ id: FORUM, is_forum: true, threads: [7] });
  fake.bot.say(ANN, "hello");

  async function call(method: string, params: object = {}, token = fake.token): Promise<Answer> {
    const response = await fetch(`${fake.url}/bot${token}/${method}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(params),
    });
    const value = (await response.json()) as Answer;
    assert.equal(response.status, value.ok ? 200 : value.error_code);
    return value;
  }
  const send = (text: string, more: object = {}) =>
    call("sendMessage", { chat_id: ANN, text, ...OFF, ...more });
  return {
    fake,
    pass: (ms) => {
      now += ms;
    },
    call,
    async refused(method, params, want, code = 400) {
      const answer = await call(method, params);
      assert.equal(answer.ok, false, `${method} ${JSON.stringify(params).slice(0, 100)} passed`);
      assert.equal(answer.error_code, code, answer.description);
      assert.match(answer.description ?? "", want);
    },
    send,
    sent: async (text, more) => Number((await send(text, more)).result.message_id),
  };
}
