-- Guarantees: a message that waits becomes part of the running turn, or stays; never both. Only where the conversation's mode
-- is `steer`, only for the turn's present holder, in order, and never for a turn that is being stopped. What has another session or model or
-- brings files stays, and everything behind it. settle.lua ends what was joined, or gives it back.
--
-- KEYS state, accepted, entries, turn   ARGV turn id, owner, fence, most bytes   Returns turn fields, or {} if the fence is stale
--- @include "now"
--- @include "fenced"
local state, accepted, entries, turn = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
if not fenced(turn, ARGV[1], ARGV[2], ARGV[3]) then return {} end
local s = redis.call("HMGET", state, "mode", "cancelUpTo", "quietUntil")
local t = redis.call("HMGET", turn, "state", "lastSeq", "core", "steered")
local stopped = tonumber(s[2] or 0) >= tonumber(t[2])
if s[1] ~= "steer" or t[1] ~= "running" or stopped or tonumber(s[3] or 0) > now() then
  return redis.call("HGETALL", turn)
end

local core = cjson.decode(t[3])
local steered = t[4] and cjson.decode(t[4]) or {}
local size = #core.text
for _, one in ipairs(steered) do size = size + #one.text end
local before = #steered
for _, seq in ipairs(redis.call("ZRANGE", accepted, 0, -1)) do
  local json = redis.call("HGET", entries, seq)
  local entry = json and cjson.decode(json)
  if not entry or entry.session ~= core.session or entry.model ~= core.model or entry.attachments then break end
  size = size + #entry.text
  if size > tonumber(ARGV[4]) then break end
  redis.call("ZREM", accepted, seq)
  steered[#steered + 1] = { seq = tonumber(seq), text = entry.text, sender = entry.sender.id }
end
if #steered > before then redis.call("HSET", turn, "steered", cjson.encode(steered)) end
return redis.call("HGETALL", turn)
