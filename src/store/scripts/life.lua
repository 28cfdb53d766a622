-- Guarantees: every worker counts the grace period of leases from the same moment: when the present life of Redis
-- (its run id) was first seen after it had loaded its data.
--
-- KEYS life   ARGV run id   Returns when this life was first seen (ms), 0 for the first life ever
--- @include "now"
local seen = redis.call("HGET", KEYS[1], "runId")
if not seen then
  redis.call("HSET", KEYS[1], "runId", ARGV[1], "since", 0)
elseif seen ~= ARGV[1] then
  redis.call("HSET", KEYS[1], "runId", ARGV[1], "since", now())
end
return tonumber(redis.call("HGET", KEYS[1], "since"))
