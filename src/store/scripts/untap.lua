-- Guarantees: removes the oldest tap only if it is the one that was handled.
--
-- KEYS taps   ARGV tap as it was read   Returns 1 if removed
if redis.call("LINDEX", KEYS[1], 0) ~= ARGV[1] then return 0 end
redis.call("LPOP", KEYS[1])
return 1
