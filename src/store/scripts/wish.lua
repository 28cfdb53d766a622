-- Guarantees: a wish is stored with its time at the end of its platform's list before anybody hears of it; a flood is
-- refused.
--
-- KEYS wishes   ARGV wish (JSON without its closing brace), hint channel, platform, most that may wait
-- Returns 1 if stored
--- @include "now"
if redis.call("LLEN", KEYS[1]) >= tonumber(ARGV[4]) then return 0 end
redis.call("RPUSH", KEYS[1], ARGV[1] .. ',"at":' .. now() .. "}")
redis.call("PUBLISH", ARGV[2], ARGV[3])
return 1
