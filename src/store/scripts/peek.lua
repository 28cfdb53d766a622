-- Guarantees: one consistent look at a conversation, changing nothing: is there something to claim, and for whom.
--
-- KEYS state, accepted, turn, outbox   ARGV grace end (ms), owner known to be dead
-- Returns {principal, bridge, accepted entries, undelivered answers, unfinished turn's id or "", its live lease's end or 0}
--- @include "now"
local s = redis.call("HMGET", KEYS[1], "principal", "bridge")
local t = redis.call("HMGET", KEYS[3], "id", "leaseUntil", "owner")
local lease = 0
if t[1] and t[3] ~= ARGV[2] then
  lease = math.max(tonumber(t[2]), tonumber(ARGV[1]))
  if lease <= now() then lease = 0 end
end
return { s[1] or "", s[2] or "", redis.call("ZCARD", KEYS[2]), redis.call("LLEN", KEYS[4]), t[1] or "", lease }
