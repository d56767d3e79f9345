-- Stores activities; the newest stamp wins, and of equal ones the removal.
--
-- KEYS: the records. ARGV: update (0 or 1), ttl of removals (milliseconds), then for each record: stamp,
--   and `A` and its bytes, or `T`: it was removed.
-- A record is stored as `A` or `T`, 8 bytes of stamp, 8 bytes for the stamp of an update (0: none), and its bytes.
-- Returns how many are new.

local update, ttl, new = ARGV[1] == '1', ARGV[2], 0
local NEVER = pack_stamp(0)

for number, key in ipairs(KEYS) do
  local stamp, given = tonumber(ARGV[2 * number + 1]), ARGV[2 * number + 2]
  local kind, payload = given:sub(1, 1), given:sub(2)
  local stored = redis.call('GET', key)
  local its_kind, its_stamp, its_update = nil, -1, 0
  if stored then
    its_kind = stored:sub(1, 1)
    if #stored < 17 or (its_kind ~= 'A' and its_kind ~= 'T') then
      return redis.error_reply('MALFORMED ' .. key .. ' does not hold an activity')
    end
    its_stamp, its_update = stamp_at(stored, 2), stamp_at(stored, 10)
  end
  if update then
    if its_kind == 'A' and stamp > math.max(its_stamp, its_update) then
      redis.call('SET', key, 'A' .. pack_stamp(its_stamp) .. pack_stamp(stamp) .. payload)
    end
  elseif stamp > its_stamp or (stamp == its_stamp and kind == 'T' and its_kind == 'A') then
    if kind == 'T' then
      redis.call('SET', key, 'T' .. pack_stamp(stamp) .. NEVER, 'PX', ttl)
    elseif its_kind == 'A' and its_update > stamp then
      redis.call('SET', key, 'A' .. pack_stamp(stamp) .. stored:sub(10))
    else
      redis.call('SET', key, given:sub(1, 1) .. pack_stamp(stamp) .. NEVER .. payload)
      if its_kind ~= 'A' then new = new + 1 end
    end
  end
end
return new
