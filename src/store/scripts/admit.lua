-- Guarantees: at most `most` live slots per principal. A slot is a lease, so a crash frees it. Who is refused is
-- remembered, and rung when a slot gets free (release).
--
-- KEYS running, waiting   ARGV turn id, conversation, lease (ms), most
-- Returns 1 if admitted
--- @include "now"
local at = now()
redis.call("ZREMRANGEBYSCORE", KEYS[1], "-inf", at)
if redis.call("ZCARD", KEYS[1]) >= tonumber(ARGV[4]) then
  redis.call("ZADD", KEYS[2], "NX", at, ARGV[2])
  redis.call("PEXPIRE", KEYS[2], 3600000)
  return 0
end
redis.call("ZADD", KEYS[1], at + ARGV[3], ARGV[1])
redis.call("ZREM", KEYS[2], ARGV[2])
return 1
