-- Guarantees: revisions of a target are numbered without a gap and written one after the other. Of two writers who know
-- the same newest revision one wins; the other changes nothing. Only the newest `keep` stay.
--
-- KEYS policy   ARGV expected newest number, info JSON, body JSON, keep, host of an imported file or "", its digest
-- Returns {"added", number, at} | {"conflict", newest number}
--- @include "now"
local head = tonumber(redis.call("HGET", KEYS[1], "head") or "0")
if head ~= tonumber(ARGV[1]) then return { "conflict", head } end
local number, at = head + 1, now()
redis.call("HSET", KEYS[1], "head", number, number, ARGV[2], number .. ":body", ARGV[3], number .. ":at", at)
if ARGV[5] ~= "" then redis.call("HSET", KEYS[1], "file:" .. ARGV[5], ARGV[6]) end
local old = number - tonumber(ARGV[4])
if old > 0 then redis.call("HDEL", KEYS[1], old, old .. ":body", old .. ":at") end
return { "added", number, at }
