-- Guarantees: an anchor that is known to exist is never forgotten in favour of one that may exist.
--
-- KEYS anchors   ARGV turn id, sending|sent, platform id, life (ms)   Returns 1 if written
local before = redis.call("HGET", KEYS[1], ARGV[1])
if ARGV[2] == "sending" and before and string.sub(before, 1, 5) == "sent:" then return 0 end
redis.call("HSET", KEYS[1], ARGV[1], ARGV[2] .. ":" .. ARGV[3])
redis.call("PEXPIRE", KEYS[1], ARGV[4])
return 1
