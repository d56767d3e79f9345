-- Cuts one timeline to its newest entries, and keeps out what was older than that.
--
-- KEYS: floors, the timeline, its payloads. ARGV: owner, keep of the feed, keep of this operation, stamp,
--   now (microseconds), ttl (milliseconds), how many entries may be looked at, from which id, to which id ('': find out).
-- Returns: '' when it is done, else the id to go on from, and the id to go on to.

local floors, key, payloads = KEYS[1], KEYS[2], KEYS[3]
local owner, visible, keep, stamp = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local now, ttl, limit = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local from, last = ARGV[8], ARGV[9]

redis.call('HLEN', payloads)
local kind, length = measure(key)
if last == '' then
  if length > visible then
    pop_oldest(key, kind, payloads, length - visible)
    length = visible
  end
  if keep == 0 then
    last = ALL
  elseif length > keep then
    last = id_of(range(key, kind, length - keep - 1, length - keep - 1)[1])
  else
    return {'', ''}
  end
  note_cut(floors, owner, last, stamp, now, ttl)
end

local first = from == '' and 0 or rank_of(key, kind, length, from)
local found, gone, reached = range(key, kind, first, first + limit - 1), {}, nil
for _, element in ipairs(found) do
  if keep == 0 and not is_ours(element) then
    -- Emptying a feed is also what repairs it.
    gone[#gone + 1] = element
  else
    reached = id_of(element)
    if before(last, reached) then break end
    if stamp_of(element) <= stamp then gone[#gone + 1] = element end
  end
end
if #gone == length then
  redis.call('DEL', key, payloads)
elseif kind == 'zset' then
  in_parts('ZREM', key, gone)
elseif first == 0 and #gone > 0 and gone[#gone] == found[#gone] then
  redis.call('LTRIM', key, #gone, -1)
else
  for _, element in ipairs(gone) do redis.call('LREM', key, 1, element) end
end
if #gone < length then in_parts('HDEL', payloads, ids_of(gone)) end
if #found < limit or not reached or not before(reached, last) then return {'', ''} end
return {reached, last}
