-- Guarantees: how far a channel was read only ever goes up; the list of channels stays bounded.
--
-- KEYS watermarks   ARGV most channels, oldest id worth keeping when full, then per channel: channel, id, place
-- Ids are decimal numbers beyond 2^53: compared by length, then as text.
local function above(a, b)
  if #a ~= #b then return #a > #b end
  return a > b
end
for i = 3, #ARGV, 3 do
  local channel, id, place = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local before = redis.call("HGET", KEYS[1], channel)
  if not before and redis.call("HLEN", KEYS[1]) >= tonumber(ARGV[1]) then
    local all = redis.call("HGETALL", KEYS[1])
    for j = 1, #all, 2 do
      if above(ARGV[2], string.match(all[j + 1], "^%d+")) then redis.call("HDEL", KEYS[1], all[j]) end
    end
  end
  if not before or above(id, string.match(before, "^%d+")) then
    redis.call("HSET", KEYS[1], channel, id .. ":" .. place)
  end
end
return 1
