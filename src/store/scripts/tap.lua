-- Guarantees: a tap is stored at the end of its principal's list before anybody hears of it; a flood is refused.
--
-- KEYS taps   ARGV tap (JSON), hint channel, principal, most that may wait   Returns 1 if stored
if redis.call("LLEN", KEYS[1]) >= tonumber(ARGV[4]) then return 0 end
redis.call("RPUSH", KEYS[1], ARGV[1])
redis.call("PUBLISH", ARGV[2], ARGV[3])
return 1
