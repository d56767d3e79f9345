-- Notes removals and updates for every feed of a feed class.
--
-- KEYS: the marker that there are notes, and the notes. ARGV: ttl (milliseconds), how many of the keys are of removals; then of each removal: stamp;
--   of each update: stamp, payload.

local ttl, removals = ARGV[1], tonumber(ARGV[2])
local cursor = 3
for index = 2, #KEYS do
  local number, key = index - 1, KEYS[index]
  local stamp = tonumber(ARGV[cursor])
  if number <= removals then
    local known = redis.call('HGET', key, '*')
    if not known or stamp_at(known, 1) < stamp then redis.call('HSET', key, '*', pack_stamp(stamp)) end
    cursor = cursor + 1
  else
    local known = redis.call('HGET', key, '!')
    if not known or stamp_at(known, 1) <= stamp then redis.call('HSET', key, '!', pack_stamp(stamp) .. ARGV[cursor + 1]) end
    cursor = cursor + 2
  end
  redis.call('PEXPIRE', key, ttl)
end
mark_notes(KEYS[1], tonumber(ttl))
return 1
