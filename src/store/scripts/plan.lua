-- Guarantees: an answer's number of parts is fixed by the first call; every call returns the parts as stored.
--
-- KEYS answers   ARGV answer id, number of parts, first state of a part (JSON)   Returns part JSONs, {} if unknown
if redis.call("HEXISTS", KEYS[1], ARGV[1]) == 0 then return {} end
if redis.call("HSETNX", KEYS[1], ARGV[1] .. ":n", ARGV[2]) == 1 then
  for i = 0, ARGV[2] - 1 do redis.call("HSET", KEYS[1], ARGV[1] .. ":" .. i, ARGV[3]) end
end
local parts = {}
for i = 0, redis.call("HGET", KEYS[1], ARGV[1] .. ":n") - 1 do
  parts[i + 1] = redis.call("HGET", KEYS[1], ARGV[1] .. ":" .. i)
end
return parts
