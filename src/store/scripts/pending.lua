-- Guarantees: undelivered answers, oldest first, each consistent with its parts. What was read is never added to.
--
-- KEYS outbox, answers   ARGV most   Returns {{record JSON, part JSON…}…}
local out = {}
redis.call("HDEL", KEYS[2], "refusals")
for i, id in ipairs(redis.call("LRANGE", KEYS[1], 0, ARGV[1] - 1)) do
  local answer = { redis.call("HGET", KEYS[2], id) }
  for n = 0, (redis.call("HGET", KEYS[2], id .. ":n") or 0) - 1 do
    answer[#answer + 1] = redis.call("HGET", KEYS[2], id .. ":" .. n)
  end
  out[i] = answer
end
return out
