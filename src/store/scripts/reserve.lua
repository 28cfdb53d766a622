-- Guarantees: what was used today plus everything held never passes the day's budget through this call. A reservation
-- whose holder vanished is billed as estimated after `stale` milliseconds: a crash can't make calls free.
--
-- KEYS usage, reserved   ARGV reservation id, tokens, micros, token budget or -1, micros budget or -1, stale (ms)
-- Returns {"ok"} | {"denied", "tokens"|"micros", used and held, limit}
--- @include "now"
--- @include "day"
local at = now()
local today = day(at)
if redis.call("HEXISTS", KEYS[2], ARGV[1]) == 1 then return { "ok" } end

local held = { tokens = 0, micros = 0 }
local all = redis.call("HGETALL", KEYS[2])
for i = 1, #all, 2 do
  local tokens, micros, since = string.match(all[i + 1], "^(%d+):(%d+):(%d+)$")
  if since + ARGV[6] <= at then
    redis.call("HDEL", KEYS[2], all[i])
    local on = day(tonumber(since))
    redis.call("HINCRBY", KEYS[1], on .. ":input", tokens)
    redis.call("HINCRBY", KEYS[1], on .. ":micros", micros)
    redis.call("HINCRBY", KEYS[1], on .. ":calls", 1)
    redis.call("HINCRBY", KEYS[1], on .. ":estimated", 1)
  else
    held.tokens, held.micros = held.tokens + tokens, held.micros + micros
  end
end

local used = redis.call("HMGET", KEYS[1], today .. ":input", today .. ":output", today .. ":micros")
local tokens = (used[1] or 0) + (used[2] or 0) + held.tokens
local micros = (used[3] or 0) + held.micros
if tonumber(ARGV[4]) >= 0 and tokens + ARGV[2] > tonumber(ARGV[4]) then
  return { "denied", "tokens", tokens, tonumber(ARGV[4]) }
end
if tonumber(ARGV[5]) >= 0 and micros + ARGV[3] > tonumber(ARGV[5]) then
  return { "denied", "micros", micros, tonumber(ARGV[5]) }
end
redis.call("HSET", KEYS[2], ARGV[1], ARGV[2] .. ":" .. ARGV[3] .. ":" .. at)
return { "ok" }
