-- Redis TIME in milliseconds: the only clock of stored times.
local function now()
  local t = redis.call("TIME")
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
