-- Guarantees: a stranger is told at most once in `quiet` milliseconds; the list of strangers stays bounded.
--
-- KEYS strangers   ARGV identity, quiet (ms), most strangers   Returns 1 if it should be told now
--- @include "now"
local at = now()
local told, knocks = 0, 0
local before = redis.call("HGET", KEYS[1], ARGV[1])
if before then
  told, knocks = string.match(before, "^(%d+):(%d+)$")
  told, knocks = tonumber(told), tonumber(knocks)
elseif redis.call("HLEN", KEYS[1]) >= tonumber(ARGV[3]) then
  local all = redis.call("HGETALL", KEYS[1])
  for i = 1, #all, 2 do
    if tonumber(string.match(all[i + 1], "^%d+")) < at - ARGV[2] then redis.call("HDEL", KEYS[1], all[i]) end
  end
  if redis.call("HLEN", KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
end
local tell = at - told >= tonumber(ARGV[2])
redis.call("HSET", KEYS[1], ARGV[1], (tell and at or told) .. ":" .. (knocks + 1))
return tell and 1 or 0
