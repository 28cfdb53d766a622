-- Guarantees: a card has one outcome; the first decision wins, and one that comes after the card's time finds it expired.
-- What the decision gives (grant or rule) is written with it, or not at all.
--
-- KEYS approvals, open, grants, rules
-- ARGV id, state, by (JSON or ""), 1 if nothing is held any more, grant id or "", grant (JSON without its closing brace),
--      grant's life (ms), rule id or "", rule (JSON without its closing brace)
-- Returns {} if unknown, else {1 if this call decided, fixed part, changing part}
--- @include "now"
--- @include "approval"
local approvals, open, grants, rules, id = KEYS[1], KEYS[2], KEYS[3], KEYS[4], ARGV[1]
local m = changing(approvals, id)
if not m then return {} end
if m.state ~= "pending" then
  local done = both(approvals, id)
  return { 0, done[1], done[2] }
end
local at, state = now(), ARGV[2]
local late = m.decideUntil <= at
if late then state = "expired" end
m.state = state
m.decidedAt = at
m.confirming = false
m.holding = false
if ARGV[3] ~= "" and not late then m.decidedBy = cjson.decode(ARGV[3]) end
local times = ',"createdAt":' .. at
if not late then
  m.nextTry = state == "allowed-once" and ARGV[4] == "1"
  if ARGV[5] ~= "" and (state ~= "allowed-once" or m.nextTry) then
    redis.call("HSET", grants, ARGV[5], ARGV[6] .. times .. ',"expiresAt":' .. (at + ARGV[7]) .. '}')
  end
  if ARGV[8] ~= "" then redis.call("HSET", rules, ARGV[8], ARGV[9] .. times .. '}') end
end
store(approvals, id, m)
if m.state == "denied" and m.dest then redis.call("HSET", approvals, "n:" .. m.dest, id) end
redis.call("ZREM", open, id)
local done = both(approvals, id)
return { late and state ~= ARGV[2] and 0 or 1, done[1], done[2] }
