-- Guarantees: at most one pending card per digest and gateway life, and at most so many pending cards. What was denied
-- in a turn is not asked again in it, whatever else is wanted of that destination.
--
-- KEYS approvals, open
-- ARGV id, digest, epoch, turn id, fixed part (JSON), hold (ms), decide (ms), most open, most kept, destination
-- Returns {opened|joined|denied, fixed part, changing part} or {busy, how many are open}
--- @include "now"
--- @include "approval"
local approvals, open = KEYS[1], KEYS[2]
local id, digest, epoch, turn = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local at = now()

local known = redis.call("HGET", approvals, "d:" .. digest)
local m = known and changing(approvals, known)
if m and m.epoch == epoch then
  if m.state == "pending" and m.decideUntil > at then
    m.attempts = m.attempts + 1
    m.holding = true
    m.holdUntil = math.min(at + ARGV[6], m.decideUntil)
    store(approvals, known, m)
    local joined = both(approvals, known)
    return { "joined", joined[1], joined[2] }
  end
end

local refused = redis.call("HGET", approvals, "n:" .. ARGV[10])
local r = refused and changing(approvals, refused)
if r and r.epoch == epoch and r.turn == turn then
  local denied = both(approvals, refused)
  return { "denied", denied[1], denied[2] }
end

local pending = redis.call("ZCOUNT", open, at, "+inf")
if pending >= tonumber(ARGV[8]) then return { "busy", pending } end

-- Old ones make room: the oldest that are no longer pending.
if redis.call("HLEN", approvals) > 3 * ARGV[9] then
  local all, past = redis.call("HGETALL", approvals), {}
  for i = 1, #all, 2 do
    local one = all[i]:match("^(.*):m$")
    local data = one and cjson.decode(all[i + 1])
    if data and data.state ~= "pending" then past[#past + 1] = { one, data.createdAt, "d:" .. data.digest, "n:" .. (data.dest or "") } end
  end
  table.sort(past, function(a, b) return a[2] < b[2] end)
  for i = 1, math.ceil(#past / 2) do
    redis.call("HDEL", approvals, past[i][1], past[i][1] .. ":m")
    for name = 3, 4 do
      if redis.call("HGET", approvals, past[i][name]) == past[i][1] then
        redis.call("HDEL", approvals, past[i][name])
      end
    end
  end
end

store(approvals, id, {
  state = "pending", epoch = epoch, turn = turn, digest = digest, dest = ARGV[10], attempts = 1, held = 1, holding = true,
  holdUntil = at + ARGV[6], decideUntil = at + ARGV[7], createdAt = at, decidedAt = 0, nextTry = false,
  confirming = false, rev = 0,
})
redis.call("HSET", approvals, id, ARGV[5], "d:" .. digest, id)
redis.call("ZADD", open, at + ARGV[7], id)
local made = both(approvals, id)
return { "opened", made[1], made[2] }
