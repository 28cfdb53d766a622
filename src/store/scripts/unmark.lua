-- Guarantees: removes a mark only if nobody marked again since `mark` was read.
--
-- KEYS set   ARGV member, mark   Returns 1 if removed
if redis.call("ZSCORE", KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
return redis.call("ZREM", KEYS[1], ARGV[1])
