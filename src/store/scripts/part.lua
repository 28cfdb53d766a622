-- Guarantees: only a planned part of an undelivered answer is written, so a late call can't leave rubbish behind.
--
-- KEYS answers   ARGV answer id, index, part (JSON)   Returns 1 if written
local field = ARGV[1] .. ":" .. ARGV[2]
if redis.call("HEXISTS", KEYS[1], field) == 0 then return 0 end
redis.call("HSET", KEYS[1], field, ARGV[3])
return 1
