-- Guarantees: the member is in the set with a mark number higher than any before, so that who read an older number
-- can't remove it. The hint goes out with it; readers that miss it find the mark within a second.
--
-- KEYS set, counter   ARGV member, hint channel   Returns how many heard the hint
local mark = redis.call("INCR", KEYS[2])
redis.call("ZADD", KEYS[1], mark, ARGV[1])
return redis.call("PUBLISH", ARGV[2], ARGV[1])
