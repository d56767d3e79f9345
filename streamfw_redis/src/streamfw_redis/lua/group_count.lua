-- How many groups of feeds are visible and within bounds, and how many of them are unseen and unread.
--
-- KEYS: the hashes, the sorted sets. ARGV: keep, whether marks are wanted (0 or 1); then of each: lower and upper bound.
-- Returns three numbers for each.

local keep, marks, feeds = tonumber(ARGV[1]), ARGV[2] == '1', #KEYS / 2

local MARKS = '>I1xxxxI4xxxxxxxxxxxxxxxxI4xxxxxxxxI4'

-- How many of a thousand groups at most are unseen and unread.
local function unmarked(hash, elements)
  local fields, unseen, unread = {}, 0, 0
  for index = 1, #elements do fields[index] = 'g' .. sub(elements[index], 18) end
  local all = redis.call('HMGET', hash, unpack(fields))
  for index = 1, #fields do
    local packed = all[index]
    if not packed or #packed < HEADER + ROW then open_group(packed, key_in(elements[index])) end
    local layout, last, seen, read = unpack_numbers(MARKS, packed)
    if layout ~= LAYOUT then open_group(packed, key_in(elements[index])) end
    if last > seen then unseen = unseen + 1 end
    if last > read then unread = unread + 1 end
  end
  return unseen, unread
end

local function count(number)
  local hash, order = KEYS[number], KEYS[feeds + number]
  local low, high = window(order, keep, ARGV[2 * number + 1], ARGV[2 * number + 2])
  local unseen, unread = 0, 0
  for first = low, marks and high - 1 or -1, 1000 do
    local some_unseen, some_unread = unmarked(hash, redis.call('ZRANGE', order, first, math.min(first + 999, high - 1)))
    unseen, unread = unseen + some_unseen, unread + some_unread
  end
  return {high - low, unseen, unread}
end

local counts = {}
for number = 1, feeds do counts[number] = about(KEYS[number], count, number) end
return counts
