-- Guarantees: an edited message replaces its text only while no turn has taken it; place, session, model and files stay.
--
-- KEYS accepted, entries   ARGV message that was edited, text (JSON), deliver (JSON), sender (JSON)
-- Returns 1 if it was replaced
for _, seq in ipairs(redis.call("ZREVRANGE", KEYS[1], 0, -1)) do
  local json = redis.call("HGET", KEYS[2], seq)
  local entry = json and cjson.decode(json)
  if entry and entry.deliver.replyTo == ARGV[1] then
    redis.call("HSET", KEYS[2], seq, '{"v":1,"seq":' .. seq .. ',"session":' .. entry.session
      .. (entry.model and ',"model":"' .. entry.model .. '"' or "")
      .. ',"updateKey":"' .. entry.updateKey .. '","text":' .. ARGV[2]
      .. (entry.attachments and ',"attachments":' .. cjson.encode(entry.attachments) or "")
      .. (entry.join and ',"join":' .. cjson.encode(entry.join) or "")
      .. ',"deliver":' .. ARGV[3] .. ',"sender":' .. ARGV[4] .. ',"acceptedAt":' .. entry.acceptedAt .. '}')
    return 1
  end
end
return 0
