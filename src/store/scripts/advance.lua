-- Guarantees: only the present holder changes its turn. A start is counted once per claim, so a repeated call after
-- a lost reply doesn't make a healthy turn look poisonous.
--
-- KEYS turn   ARGV turn id, owner, fence, state or "", boot id or "", event seq or "",
--      what was understood of its recordings (JSON) or ""
-- Returns turn fields, or {} if the fence is stale
--- @include "now"
--- @include "fenced"
local turn = KEYS[1]
if not fenced(turn, ARGV[1], ARGV[2], ARGV[3]) then return {} end
if ARGV[4] ~= "" then
  redis.call("HSET", turn, "state", ARGV[4])
  if ARGV[4] == "dispatching" and redis.call("HGET", turn, "startFence") ~= ARGV[3] then
    redis.call("HSET", turn, "startFence", ARGV[3])
    redis.call("HINCRBY", turn, "starts", 1)
  end
  if ARGV[4] == "running" and redis.call("HGET", turn, "startedAt") == "0" then
    redis.call("HSET", turn, "startedAt", now())
  end
end
if ARGV[5] ~= "" then redis.call("HSET", turn, "bootId", ARGV[5]) end
if ARGV[6] ~= "" then redis.call("HSET", turn, "eventSeq", ARGV[6]) end
if ARGV[7] ~= "" then redis.call("HSET", turn, "heard", ARGV[7]) end
return redis.call("HGETALL", turn)
