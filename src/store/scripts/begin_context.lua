-- Guarantees: what the gateway reads of a turn carries an expiry by Redis TIME; expired ones are swept.
--
-- KEYS turns   ARGV turn id, context JSON without its closing brace, life (ms)   Returns 1
--- @include "now"
local at = now()
local all = redis.call("HGETALL", KEYS[1])
for i = 1, #all, 2 do
  if cjson.decode(all[i + 1]).expiresAt <= at then redis.call("HDEL", KEYS[1], all[i]) end
end
redis.call("HSET", KEYS[1], ARGV[1], ARGV[2] .. ',"beganAt":' .. at .. ',"expiresAt":' .. (at + ARGV[3]) .. '}')
return 1
