-- An approval is two fields of one hash: `<id>` is what never changes (JSON as it came, never decoded here), `<id>:m`
-- what does. `d:<digest>` names the newest approval of a digest, `n:<destination>` the newest one that was denied.
local function changing(approvals, id)
  local json = redis.call("HGET", approvals, id .. ":m")
  return json and cjson.decode(json)
end
local function store(approvals, id, m)
  m.rev = m.rev + 1
  redis.call("HSET", approvals, id .. ":m", cjson.encode(m))
end
local function both(approvals, id)
  return redis.call("HMGET", approvals, id, id .. ":m")
end
