-- Guarantees: a turn has exactly one outcome and its answer is in the outbox exactly once, together with the removal
-- of its messages and the end of the turn. Joined messages that its agent took end with it; the others wait again, unless they
-- were stopped meanwhile. Repeating it with the same fence changes nothing.
--
-- KEYS state, accepted, entries, turn, outbox, answers, finished, history
-- ARGV turn id, owner, fence, outcome, body (JSON), life of the finished record (ms), most turns of the history,
--      joined messages that were taken (JSON list of seqs)
-- Returns -1 if the fence is stale, else the number of messages that wait
--- @include "now"
--- @include "fenced"
--- @include "post"
local state, accepted, entries, turn, outbox, answers, finished, history =
  KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8]
if not fenced(turn, ARGV[1], ARGV[2], ARGV[3]) then
  if not fenced(finished, ARGV[1], ARGV[2], ARGV[3]) then return -1 end
  return redis.call("ZCARD", accepted)
end

local at = now()
local t = redis.call("HMGET", turn, "conversation", "bridge", "deliver", "seqs", "steered")
post(outbox, answers, ARGV[1], ARGV[1], t[1], t[2], t[3], ARGV[5], at)
for seq in string.gmatch(t[4], "%d+") do redis.call("HDEL", entries, seq) end
if t[5] then
  local cancelUpTo, taken, kept = tonumber(redis.call("HGET", state, "cancelUpTo") or 0), {}, {}
  for _, seq in ipairs(cjson.decode(ARGV[8])) do taken[seq] = true end
  for _, one in ipairs(cjson.decode(t[5])) do
    if not taken[one.seq] and one.seq > cancelUpTo then redis.call("ZADD", accepted, one.seq, one.seq)
    else redis.call("HDEL", entries, one.seq) end
    if taken[one.seq] then kept[#kept + 1] = one end
  end
  if #kept > 0 then redis.call("HSET", turn, "steered", cjson.encode(kept))
  else redis.call("HDEL", turn, "steered") end
end
redis.call("HSET", turn, "state", ARGV[4], "settledAt", at, "answer", ARGV[5])
redis.call("RENAME", turn, finished)
redis.call("PEXPIRE", finished, ARGV[6])
redis.call("HDEL", state, "turn", "turnSeq", "turnAt")
redis.call("RPUSH", history, ARGV[1])
redis.call("LTRIM", history, -ARGV[7], -1)
redis.call("PEXPIRE", history, ARGV[6])
return redis.call("ZCARD", accepted)
