-- Guarantees: each shard has one listener at a time, and no process more than its fair share while others live.
--
-- KEYS shards (HASH: <number> → <until>:<owner>, m:<owner> → <until>)
-- ARGV owner, number of shards, lease (ms; 0 gives everything back), then owners that are known to be dead
-- Returns JSON {shards: what the owner holds now, members: who takes part}
--- @include "now"
local at = now()
local owner, total, ttl = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local dead = {}
for i = 4, #ARGV do dead[ARGV[i]] = true end
dead[owner] = nil
local members, holders = { owner }, {}
local all = redis.call("HGETALL", KEYS[1])
for i = 1, #all, 2 do
  local field = all[i]
  local member = string.match(field, "^m:(.*)$")
  local till, holder = string.match(all[i + 1], "^(%d+):?(.*)$")
  local who = member or holder
  if tonumber(till) <= at or dead[who] or (ttl == 0 and who == owner) then
    redis.call("HDEL", KEYS[1], field)
  elseif member then
    if member ~= owner then members[#members + 1] = member end
  elseif tonumber(field) < total then
    holders[tonumber(field)] = holder
  else
    redis.call("HDEL", KEYS[1], field)
  end
end
if ttl == 0 then return cjson.encode({ shards = "", members = table.concat(members, " ") }) end
redis.call("HSET", KEYS[1], "m:" .. owner, at + ttl)
local share, mine = math.ceil(total / #members), {}
local function keep(shard)
  mine[#mine + 1] = shard
  redis.call("HSET", KEYS[1], shard, (at + ttl) .. ":" .. owner)
end
for shard = 0, total - 1 do
  if holders[shard] == owner then
    if #mine < share then keep(shard) else
      redis.call("HDEL", KEYS[1], shard)
      holders[shard] = owner .. " gives it up: not taken back in this round"
    end
  end
end
for shard = 0, total - 1 do
  if not holders[shard] and #mine < share then keep(shard) end
end
return cjson.encode({ shards = table.concat(mine, " "), members = table.concat(members, " ") })
