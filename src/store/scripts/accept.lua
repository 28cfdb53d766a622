-- Guarantees: one platform update has one effect. Within 72 h a repeated update gets its first outcome and changes
-- nothing. A message is stored in order with the session and model valid at its seq, or answered "queue-full" (by a
-- notice of its own, or by one that nobody has read yet and that then counts one more); where the
-- conversation's mode is `interrupt` it also cancels the running turn. /new, /stop, /model and /queue take effect at their
-- seq and are answered by a notice; all of it or nothing. The native Stop of one turn cancels that turn alone, silently.
--
-- KEYS state, accepted, entries, seen, outbox, answers
-- ARGV text|new|stop|set, conversation, principal, bridge, update key, deliver (JSON), sender (JSON), text (JSON),
--      most waiting, life of `seen` (ms), attachments (JSON) or "", set: field of the state, set: value,
--      set: notice code; stop: the only turn to stop or "",
--      text: ms for which more of the same is expected (0: this is all; negative: only if it isn't the first), what joins it to the message before (JSON) or "",
--      whose refusals are told together: no line break
-- Returns {1 if duplicate, outcome JSON}
--- @include "now"
--- @include "post"
local state, accepted, entries, seen, outbox, answers = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local kind, conversation, principal, bridge, updateKey = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local deliver, sender, text = ARGV[6], ARGV[7], ARGV[8]

local before = redis.call("GET", seen)
if before then return { 1, before } end

local at = now()
local s = redis.call("HMGET", state, "session", "turn", "turnSeq", "mode", "model", "cancelUpTo")
local session, running, turnSeq = tonumber(s[1] or 1), s[2] or "", tonumber(s[3] or 0)
local outcome

local function notice(body)
  post(outbox, answers, "n_" .. updateKey, "", conversation, bridge, deliver, body, at)
end

-- A flood isn't answered by a flood: refusals in a row are one notice until somebody reads it (pending).
local function refuse(waiting)
  local count, id, who = string.match(redis.call("HGET", answers, "refusals") or "", "^(%d+) (%S+) (.*)$")
  if who == ARGV[17] then
    count = count + 1
    local body = '{"kind":"notice","code":"queue-full-many","params":{"waiting":"' .. waiting
      .. '","count":"' .. count .. '"}}'
    redis.call("HSET", answers, id, answerRecord(id, "", conversation, bridge, deliver, body, at))
  else
    count, id = 1, "n_" .. updateKey
    notice('{"kind":"notice","code":"queue-full","params":{"waiting":"' .. waiting .. '"}}')
  end
  redis.call("HSET", answers, "refusals", count .. " " .. id .. " " .. ARGV[17])
end

-- Ends the running turn, and nothing that was accepted after its messages.
local function cancelTurn()
  if turnSeq > tonumber(s[6] or 0) then redis.call("HSET", state, "cancelUpTo", turnSeq) end
end

if kind == "text" then
  local waiting = redis.call("ZCARD", accepted)
  if waiting >= tonumber(ARGV[9]) then
    refuse(waiting)
    outcome = '{"kind":"full","waiting":' .. waiting .. '}'
  else
    local seq = redis.call("HINCRBY", state, "seq", 1)
    local interrupts = s[4] == "interrupt" and running ~= ""
    if interrupts then cancelTurn() end
    local ahead = waiting + (running == "" and 0 or 1)
    redis.call("HSET", entries, seq, '{"v":1,"seq":' .. seq .. ',"session":' .. session
      .. (s[5] and ',"model":"' .. s[5] .. '"' or "")
      .. ',"updateKey":"' .. updateKey .. '","text":' .. text
      .. (ARGV[11] == "" and "" or ',"attachments":' .. ARGV[11])
      .. (ARGV[16] == "" and "" or ',"join":' .. ARGV[16]) .. ',"deliver":' .. deliver
      .. ',"sender":' .. sender .. ',"acceptedAt":' .. at .. '}')
    redis.call("ZADD", accepted, seq, seq)
    redis.call("HDEL", answers, "refusals")
    local quiet = tonumber(ARGV[15])
    if quiet < 0 then quiet = ahead > 0 and -quiet or 0 end
    if quiet == 0 then redis.call("HDEL", state, "quietUntil")
    else redis.call("HSET", state, "quietUntil", at + quiet) end
    outcome = '{"kind":"accepted","seq":' .. seq .. ',"session":' .. session .. ',"ahead":' .. ahead
      .. (interrupts and ',"interrupts":"' .. running .. '"' or "")
      .. (s[4] == "steer" and running ~= "" and ',"steers":"' .. running .. '"' or "") .. '}'
  end
elseif kind == "new" then
  local seq = redis.call("HINCRBY", state, "seq", 1)
  session = session + 1
  redis.call("HSET", state, "session", session)
  notice('{"kind":"notice","code":"session-new","params":{"session":"' .. session .. '"}}')
  outcome = '{"kind":"session","seq":' .. seq .. ',"session":' .. session .. '}'
elseif kind == "set" then
  local seq = redis.call("HINCRBY", state, "seq", 1)
  redis.call("HSET", state, ARGV[12], ARGV[13])
  notice('{"kind":"notice","code":"' .. ARGV[14] .. '","params":{"value":"' .. ARGV[13] .. '"}}')
  outcome = '{"kind":"set","seq":' .. seq .. '}'
elseif ARGV[14] ~= "" then
  local seq = redis.call("HINCRBY", state, "seq", 1)
  if running == ARGV[14] then cancelTurn() else running = "" end
  outcome = '{"kind":"stop","seq":' .. seq .. ',"running":"' .. running .. '","discarded":0}'
else
  local seq = redis.call("HINCRBY", state, "seq", 1)
  redis.call("HSET", state, "cancelUpTo", seq)
  local dropped = redis.call("ZRANGE", accepted, 0, -1)
  if #dropped > 0 then
    redis.call("HDEL", entries, unpack(dropped))
    redis.call("DEL", accepted)
  end
  if running == "" and #dropped == 0 then
    notice('{"kind":"notice","code":"nothing-to-stop","params":{}}')
  else
    notice('{"kind":"notice","code":"stopped","params":{"discarded":"' .. #dropped
      .. '","running":"' .. (running == "" and 0 or 1) .. '"}}')
  end
  outcome = '{"kind":"stop","seq":' .. seq .. ',"running":"' .. running .. '","discarded":' .. #dropped .. '}'
end

redis.call("HSET", state, "principal", principal, "bridge", bridge)
redis.call("SET", seen, outcome, "PX", ARGV[10])
return { 0, outcome }
