-- Marks groups of a feed as seen, read or both.
--
-- KEYS: the hash, the sorted set. ARGV: keep, seen and read (0 or 1), stamp, the version of a feed that is new, what tells this
--   write from all others, all groups (0 or 1), or the keys of the groups.
-- Returns the keys of those that were unseen or unread in what was marked.

local hash, order, keep = KEYS[1], KEYS[2], tonumber(ARGV[1])
local seen, read, stamp = ARGV[2] == '1', ARGV[3] == '1', tonumber(ARGV[4])
local keys, changed, fields = {}, {}, {}

local first, groups = visible_from(order, keep)
if ARGV[7] == '1' then
  keys = keys_between(order, first, groups - 1)
else
  local hidden = {}
  for _, key in ipairs(keys_between(order, 0, first - 1)) do hidden[key] = true end
  for number = 8, #ARGV do
    if not hidden[ARGV[number]] then keys[#keys + 1] = ARGV[number] end
  end
end

-- Only the marks are looked at and written, between what stands before and behind them in a header.
local MARKS = '>I1I4I4xxxxxxxxxxxxxxxxI4I8I4I8'
for number, packed in ipairs(packed_of(hash, keys)) do
  if packed then
    local key = keys[number]
    if #packed < HEADER + ROW then open_group(packed, key) end
    local layout, arrivals, last, seen_to, seen_at, read_to, read_at = unpack_numbers(MARKS, packed)
    if layout ~= LAYOUT or last > arrivals then open_group(packed, key) end
    if (seen and last > seen_to) or (read and last > read_to) then changed[#changed + 1] = key end
    if seen then seen_to, seen_at = arrivals, math.max(seen_at, stamp) end
    if read then read_to, read_at = arrivals, math.max(read_at, stamp) end
    local marks = pack_numbers('>I4I8I4I8', seen_to, seen_at, read_to, read_at)
    if marks ~= sub(packed, 26, 49) then
      fields[#fields + 1] = field_of(key)
      fields[#fields + 1] = sub(packed, 1, 25) .. marks .. sub(packed, 50)
    end
  end
end
if #fields > 0 then
  fields[#fields + 1] = 'v'
  fields[#fields + 1] = next_version(redis.call('HGET', hash, 'v'), tonumber(ARGV[5]), ARGV[6])
  in_parts('HSET', hash, fields)
end
return changed
