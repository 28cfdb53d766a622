-- Guarantees: a reservation turns into usage exactly once. Days older than `keep` are swept once a day.
--
-- KEYS usage, reserved   ARGV reservation id, model, input, output, micros, 1 if estimated, keep (ms)
-- Returns 1 if billed now
--- @include "now"
--- @include "day"
if redis.call("HDEL", KEYS[2], ARGV[1]) == 0 then return 0 end
local at = now()
local today = day(at)
for _, prefix in ipairs({ today .. ":", today .. ":" .. ARGV[2] .. ":" }) do
  redis.call("HINCRBY", KEYS[1], prefix .. "input", ARGV[3])
  redis.call("HINCRBY", KEYS[1], prefix .. "output", ARGV[4])
  redis.call("HINCRBY", KEYS[1], prefix .. "micros", ARGV[5])
  redis.call("HINCRBY", KEYS[1], prefix .. "calls", 1)
end
redis.call("HINCRBY", KEYS[1], today .. ":estimated", ARGV[6])
redis.call("HSET", KEYS[1], "last", at)
if redis.call("HGET", KEYS[1], "swept") ~= today then
  redis.call("HSET", KEYS[1], "swept", today)
  local oldest = day(at - ARGV[7])
  for _, field in ipairs(redis.call("HKEYS", KEYS[1])) do
    if field ~= "swept" and field ~= "last" and string.sub(field, 1, 10) < oldest then redis.call("HDEL", KEYS[1], field) end
  end
end
return 1
