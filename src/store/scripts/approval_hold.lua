-- Guarantees: a pending card shows how many connections it holds; when the last one left by itself the card ends, and a
-- later tap opens nothing.
--
-- KEYS approvals, open   ARGV id, attempts, held now, 1 if the last client left
-- Returns {fixed part, changing part} or {} when it isn't pending
--- @include "now"
--- @include "approval"
local approvals, open, id = KEYS[1], KEYS[2], ARGV[1]
local m = changing(approvals, id)
if not m or m.state ~= "pending" then return {} end
m.attempts = math.max(m.attempts, tonumber(ARGV[2]))
m.held = tonumber(ARGV[3])
m.holding = m.held > 0
if ARGV[4] == "1" then
  m.state = "cancelled"
  m.decidedAt = now()
  redis.call("ZREM", open, id)
end
store(approvals, id, m)
return both(approvals, id)
