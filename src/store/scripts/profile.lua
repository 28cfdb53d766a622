-- Guarantees: of two writers who know the same profile one wins; the other changes nothing.
--
-- KEYS profile   ARGV its JSON as it was read, "" for none; the new JSON
-- Returns 1 if it was written
if (redis.call("GET", KEYS[1]) or "") ~= ARGV[1] then return 0 end
redis.call("SET", KEYS[1], ARGV[2])
return 1
