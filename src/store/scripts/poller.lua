-- Guarantees: one holder of a bridge's poller lease at a time; the holder renews, everybody else waits for its end.
--
-- KEYS poller   ARGV owner, lease (ms); 0 gives it back   Returns 1 if held by the caller now
local holder = redis.call("GET", KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
if ARGV[2] == "0" then
  redis.call("DEL", KEYS[1])
  return 0
end
redis.call("SET", KEYS[1], ARGV[1], "PX", ARGV[2])
return 1
