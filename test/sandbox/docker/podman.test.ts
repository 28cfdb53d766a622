/** Podman's differences, as pure functions: which engine answered, and the request that it understands. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { engineOf, podmanContainer, podmanTarget } from "../../../src/sandbox/docker/podman.ts";

test("an engine is what its components say", () => {
  assert.equal(engineOf({ Components: [{ Name: "Podman Engine" }, { Name: "Conmon" }] }), "podman");
  assert.equal(engineOf({ Components: [{ Name: "Engine" }, { Name: "containerd" }] }), "docker");
  assert.equal(engineOf({}), "docker");
});

test("limits that Podman would choose itself are named, those given stay; masked paths become an option", () => {
  const asked = {
    Image: "i",
    HostConfig: {
      SecurityOpt: ["no-new-privileges:true"],
      MaskedPaths: ["/sys", "/proc/keys"],
      Ulimits: [{ Name: "nofile", Soft: 5, Hard: 6 }],
    },
  };
  const { HostConfig } = podmanContainer(asked);
  assert.deepEqual(HostConfig?.Ulimits, [
    { Name: "nofile", Soft: 5, Hard: 6 },
    { Name: "nproc", Soft: 16_384, Hard: 16_384 },
  ]);
  assert.deepEqual(HostConfig?.SecurityOpt, ["no-new-privileges:true", "mask=/sys:/proc/keys"]);
  assert.equal(asked.HostConfig.Ulimits.length, 1, "the request itself isn't touched");
  assert.equal(podmanContainer({ Image: "i" }).HostConfig?.Ulimits?.length, 2);
});

test("an import's tag is part of its name", () => {
  assert.deepEqual(podmanTarget("nemoclaw-agent:r2"), { repo: "nemoclaw-agent:r2" });
});
