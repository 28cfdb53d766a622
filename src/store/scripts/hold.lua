-- Guarantees: a turn that runs keeps its slot, even if the slot's lease ended while Redis was away.
--
-- KEYS running   ARGV turn id, lease (ms)   Returns 1
--- @include "now"
redis.call("ZADD", KEYS[1], now() + ARGV[2], ARGV[1])
return 1
