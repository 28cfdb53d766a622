-- An answer as it is stored. `deliver` and `body` are JSON and are stored as they are: nothing is decoded here, so
-- nothing can be changed by a JSON library.
local function answerRecord(answerId, turnId, conversation, bridge, deliver, body, at)
  return '{"v":1,"answerId":"' .. answerId .. '","turnId":"' .. turnId
    .. '","conversation":"' .. conversation .. '","bridge":"' .. bridge
    .. '","deliver":' .. deliver .. ',"body":' .. body .. ',"createdAt":' .. at .. '}'
end

-- Puts an answer at the end of a conversation's outbox, once per answer id.
local function post(outbox, answers, answerId, turnId, conversation, bridge, deliver, body, at)
  local record = answerRecord(answerId, turnId, conversation, bridge, deliver, body, at)
  if redis.call("HSETNX", answers, answerId, record) == 1 then
    redis.call("RPUSH", outbox, answerId)
  end
end
