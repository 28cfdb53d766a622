-- Guarantees: the slot is free, and the conversation that has waited longest for one is handed to the caller to ring.
-- If the caller dies before it rings, the sweeper does.
--
-- KEYS running, waiting   ARGV turn id   Returns a conversation or ""
redis.call("ZREM", KEYS[1], ARGV[1])
return redis.call("ZPOPMIN", KEYS[2])[1] or ""
