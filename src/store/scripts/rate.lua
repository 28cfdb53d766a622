-- Guarantees: a principal's messages are counted by Redis TIME, whichever process takes them. A bucket holds a minute's
-- messages and is refilled evenly. Counting never refuses: the caller decides by what is left.
--
-- KEYS rate   ARGV messages a minute   Returns thousandths of a message that are left, negative when it is overdrawn
--- @include "now"
local at, most = now(), tonumber(ARGV[1])
local r = redis.call("HMGET", KEYS[1], "left", "at")
local left = math.min(most, tonumber(r[1] or most) + (at - tonumber(r[2] or at)) * most / 60000) - 1
-- A debt is bounded: nobody pays for a flood longer than a minute.
left = math.max(left, -most)
redis.call("HSET", KEYS[1], "left", string.format("%.3f", left), "at", at)
redis.call("PEXPIRE", KEYS[1], 180000)
return math.floor(left * 1000)
