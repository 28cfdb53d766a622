/** The fake can be steered over HTTP, by the same names. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { controlClient, startFakeDiscord } from "./index.ts";

it("fake discord: a control client says, looks and orders troubles", async () => {
  const fake = await startFakeDiscord();
  const control = controlClient(fake.url);
  const dm = await control.dm("100000000000000001");
  const id = await control.say("100000000000000001", dm, "over *HTTP*");
  assert.deepEqual(
    (await control.messages(dm)).map((one) => [one.id, one.text]),
    [[id, "over HTTP"]],
  );
  await control.fault({ method: "typing", kind: "429" });
  assert.equal(await control.clearFaults(), 1);
  await assert.rejects(control.press("100000000000000001", dm, "1", "x"), /no message/);
  await fake.close();
});
