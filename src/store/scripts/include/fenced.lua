-- Whether this turn is the unfinished one and the caller its present holder.
local function fenced(turn, id, owner, fence)
  local t = redis.call("HMGET", turn, "id", "owner", "fence")
  return t[1] == id and t[2] == owner and t[3] == fence
end
