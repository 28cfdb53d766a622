-- Guarantees: only a pending card asks once more, or goes back to its first question.
--
-- KEYS approvals   ARGV id, 1 or 0   Returns {fixed part, changing part} or {}
--- @include "approval"
local m = changing(KEYS[1], ARGV[1])
if not m or m.state ~= "pending" then return {} end
m.confirming = ARGV[2] == "1"
store(KEYS[1], ARGV[1], m)
return both(KEYS[1], ARGV[1])
