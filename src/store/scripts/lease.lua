-- Guarantees: one holder at a time (a host's worker, a bridge's poller). The holder renews; another waits for the
-- lease's end, or proves that the holder is dead.
--
-- KEYS lease   ARGV owner, lease (ms; 0 gives it back), owner known to be dead   Returns who holds it now, "" = nobody
local holder = redis.call("GET", KEYS[1])
if holder and holder ~= ARGV[1] and holder ~= ARGV[3] then return holder end
if ARGV[2] == "0" then
  if holder == ARGV[1] then redis.call("DEL", KEYS[1]) end
  return ""
end
redis.call("SET", KEYS[1], ARGV[1], "PX", ARGV[2])
return ARGV[1]
