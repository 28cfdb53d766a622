-- Guarantees: only the present holder extends its lease; it learns of a /stop even if every hint was lost.
--
-- KEYS state, turn, accepted   ARGV turn id, owner, fence, lease (ms)
-- Returns -1 lost, 0 ok, 1 ok and cancel, 2 ok and messages may join it
--- @include "now"
--- @include "fenced"
if not fenced(KEYS[2], ARGV[1], ARGV[2], ARGV[3]) then return -1 end
redis.call("HSET", KEYS[2], "leaseUntil", now() + ARGV[4])
local s = redis.call("HMGET", KEYS[1], "cancelUpTo", "mode")
if tonumber(s[1] or 0) >= tonumber(redis.call("HGET", KEYS[2], "lastSeq")) then return 1 end
return s[2] == "steer" and redis.call("ZCARD", KEYS[3]) > 0 and 2 or 0
