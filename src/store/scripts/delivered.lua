-- Guarantees: an answer, its parts and its turn's anchor disappear together. (A final's answer id is its turn's id.)
--
-- KEYS outbox, answers, anchors   ARGV answer id   Returns the number of undelivered answers
local id = ARGV[1]
for n = 0, (redis.call("HGET", KEYS[2], id .. ":n") or 0) - 1 do redis.call("HDEL", KEYS[2], id .. ":" .. n) end
redis.call("HDEL", KEYS[2], id, id .. ":n")
redis.call("HDEL", KEYS[3], id)
redis.call("LREM", KEYS[1], 0, id)
return redis.call("LLEN", KEYS[1])
