-- What is remembered beyond what feeds hold: where they were cut, and what was removed or updated.

local ALL = string.rep('\255', 16)

-- Floors of a feed: where it was cut. Each has the last id that is kept out, and the stamp of the cut.
local function floors_of(key, owner)
  local found, packed = {}, redis.call('HGET', key, owner)
  for at = 1, packed and #packed or 0, 32 do
    found[#found + 1] = {last = packed:sub(at, at + 15), stamp = stamp_at(packed, at + 16), expires = stamp_at(packed, at + 24)}
  end
  return found
end

-- Whether an entry that would stand at id was cut.
local function is_cut(floors, id, stamp, now)
  for _, floor in ipairs(floors) do
    if stamp <= floor.stamp and floor.expires > now and not before(floor.last, id) then return true end
  end
  return false
end

-- Notes that a feed was cut, and forgets some of the cuts of other feeds that are due.
local function note_cut(key, owner, last, stamp, now, ttl)
  local kept = {}
  for _, floor in ipairs(floors_of(key, owner)) do
    if floor.expires > now and (before(last, floor.last) or floor.stamp > stamp) then
      kept[#kept + 1] = floor.last .. pack_stamp(floor.stamp) .. pack_stamp(floor.expires)
    end
  end
  kept[#kept + 1] = last .. pack_stamp(stamp) .. pack_stamp(now + ttl * 1000)
  redis.call('HSET', key, owner, table.concat(kept))
  redis.call('PEXPIRE', key, ttl)
  local some = redis.call('HRANDFIELD', key, 5, 'WITHVALUES')
  for at = 1, #some, 2 do
    local alive = false
    for each = 1, #some[at + 1] - 31, 32 do
      alive = alive or stamp_at(some[at + 1], each + 24) > now
    end
    if not alive then redis.call('HDEL', key, some[at]) end
  end
end

-- What is remembered of an entry, for one owner: the stamp of its removal, the newest update for all and its stamp.
local function note_of(key, owner)
  local found = redis.call('HMGET', key, '*', owner, '!')
  local removed = found[1] and stamp_at(found[1], 1) or -1
  if found[2] then removed = math.max(removed, stamp_at(found[2], 1)) end
  if not found[3] then return removed, -1, nil end
  return removed, stamp_at(found[3], 1), found[3]:sub(9)
end

-- Notes that an entry was removed from one feed, unless it was from all.
local function note_removal(key, owner, stamp, ttl)
  local found = redis.call('HMGET', key, '*', owner)
  if found[1] and stamp_at(found[1], 1) >= stamp then return end
  if not found[2] or stamp_at(found[2], 1) < stamp then
    redis.call('HSET', key, owner, pack_stamp(stamp))
  end
  redis.call('PEXPIRE', key, ttl)
end

-- Keeps the marker that there are notes for as long as any of them.
local function mark_notes(key, ttl)
  if redis.call('PTTL', key) < ttl then redis.call('SET', key, '', 'PX', ttl) end
end
