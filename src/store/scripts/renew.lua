-- Guarantees: only the present holder extends its lease; it learns of a /stop even if every hint was lost.
--
-- KEYS state, turn   ARGV turn id, owner, fence, lease (ms)   Returns -1 lost, 0 ok, 1 ok and cancel
--- @include "now"
--- @include "fenced"
if not fenced(KEYS[2], ARGV[1], ARGV[2], ARGV[3]) then return -1 end
redis.call("HSET", KEYS[2], "leaseUntil", now() + ARGV[4])
local cancelUpTo = tonumber(redis.call("HGET", KEYS[1], "cancelUpTo") or 0)
return cancelUpTo >= tonumber(redis.call("HGET", KEYS[2], "lastSeq")) and 1 or 0
