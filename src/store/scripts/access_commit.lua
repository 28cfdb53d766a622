-- Guarantees: all changes of one decision or none, and only if nothing changed since the decider read; readers see a
-- higher revision with them.
--
-- KEYS book, codes, shut
-- ARGV expected revision, hint channel, then triples: table (1 to 3), field, value ("" removes)
-- Returns the new revision, or -1 if somebody else was first
if (redis.call("HGET", KEYS[1], "rev") or "0") ~= ARGV[1] then return -1 end
for i = 3, #ARGV, 3 do
  local key, field, value = KEYS[tonumber(ARGV[i])], ARGV[i + 1], ARGV[i + 2]
  if value == "" then
    redis.call("HDEL", key, field)
  else
    redis.call("HSET", key, field, value)
  end
end
local rev = redis.call("HINCRBY", KEYS[1], "rev", 1)
redis.call("PUBLISH", ARGV[2], rev)
return rev
