-- Guarantees: a conversation has at most one unfinished turn and that turn one owner with the highest fence.
-- Without an unfinished turn, the oldest accepted messages of one session and model (together at most `most bytes`, at least
-- one message) become a new turn, in order, but not while more of the last message is expected. With one whose lease ended, the same turn gets a new owner and fence.
--
-- KEYS state, accepted, entries, turn
-- ARGV conversation, new turn id, owner, host, lease (ms), grace end (ms), owner known to be dead, most bytes,
--      boot id of the life that a new turn goes to at once (it is `dispatching` then), or ""
-- Returns {"run"|"recover", turn fields} | {"busy", lease end} | {"empty"}
--- @include "now"
local state, accepted, entries, turn = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local at = now()

local open = redis.call("HMGET", turn, "id", "leaseUntil", "owner")
if open[1] then
  local lease = math.max(tonumber(open[2]), tonumber(ARGV[6]))
  if open[3] ~= ARGV[7] and lease > at then return { "busy", lease } end
  redis.call("HSET", turn, "owner", ARGV[3], "fence", redis.call("HINCRBY", state, "fence", 1),
    "leaseUntil", at + ARGV[5], "claimedAt", at)
  return { "recover", redis.call("HGETALL", turn) }
end

local s = redis.call("HMGET", state, "cancelUpTo", "quietUntil")
local cancelUpTo, quietUntil = tonumber(s[1] or 0), tonumber(s[2] or 0)
if quietUntil > at then return { "busy", quietUntil } end
local taken, texts, files, size, session, model, deliver, acceptedAt = {}, {}, {}, 0, nil, nil, nil, nil
local senders, isKnown = {}, {}
for _, seq in ipairs(redis.call("ZRANGE", accepted, 0, -1)) do
  local json = redis.call("HGET", entries, seq)
  if not json or tonumber(seq) <= cancelUpTo then
    redis.call("ZREM", accepted, seq)
    redis.call("HDEL", entries, seq)
  else
    local entry = cjson.decode(json)
    size = size + #entry.text + (#taken > 0 and 2 or 0)
    if #taken > 0 and (entry.session ~= session or entry.model ~= model or size > tonumber(ARGV[8])) then break end
    session, model, deliver = entry.session, entry.model, entry.deliver
    acceptedAt = acceptedAt or entry.acceptedAt
    taken[#taken + 1] = seq
    local sender = entry.sender.id
    if not isKnown[sender] then
      isKnown[sender] = true
      senders[#senders + 1] = sender
    end
    if entry.text ~= "" then
      if #texts > 0 then texts[#texts + 1] = entry.join or "\n\n" end
      texts[#texts + 1] = entry.text
    end
    for _, file in ipairs(entry.attachments or {}) do files[#files + 1] = file end
  end
end
if #taken == 0 then return { "empty" } end

redis.call("ZREM", accepted, unpack(taken))
local who = redis.call("HMGET", state, "principal", "bridge")
deliver = cjson.encode(deliver)
local core = '{"v":1,"turnId":"' .. ARGV[2] .. '","conversation":"' .. ARGV[1] .. '","principal":"' .. who[1]
  .. '","bridge":"' .. who[2] .. '","hostId":' .. cjson.encode(ARGV[4]) .. ',"epoch":1,"seqs":['
  .. table.concat(taken, ",") .. '],"senders":' .. cjson.encode(senders) .. ',"text":' .. cjson.encode(table.concat(texts))
  -- An empty table would become an object.
  .. (#files > 0 and ',"attachments":' .. cjson.encode(files) or "") .. ',"session":' .. session
  .. (model and ',"model":"' .. model .. '"' or "")
  .. ',"deliver":' .. deliver .. ',"acceptedAt":' .. acceptedAt .. '}'
local fence = redis.call("HINCRBY", state, "fence", 1)
local sent = ARGV[9] ~= ""
redis.call("HSET", turn, "id", ARGV[2], "core", core, "conversation", ARGV[1], "bridge", who[2], "deliver", deliver,
  "seqs", table.concat(taken, ","), "lastSeq", taken[#taken], "state", sent and "dispatching" or "accepted", "owner", ARGV[3],
  "fence", fence, "leaseUntil", at + ARGV[5], "starts", sent and 1 or 0, "startFence", sent and fence or 0,
  "bootId", ARGV[9], "eventSeq", 0, "claimedAt", at, "startedAt", 0, "settledAt", 0)
redis.call("HSET", state, "turn", ARGV[2], "turnSeq", taken[#taken], "turnAt", at)
return { "run", redis.call("HGETALL", turn) }
