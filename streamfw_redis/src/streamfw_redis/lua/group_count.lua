-- How many groups of feeds are visible and within bounds, and how many of them are unseen and unread.
--
-- KEYS: the hashes, the sorted sets. ARGV: keep, whether marks are wanted (0 or 1); then of each: lower and upper bound.
-- Returns three numbers for each.

local keep, marks, feeds = tonumber(ARGV[1]), ARGV[2] == '1', #KEYS / 2

-- How many of packed groups are unseen and unread.
local function unmarked(all, keys)
  local unseen, unread = 0, 0
  for index, packed in ipairs(all) do
    if not packed or #packed < HEADER + ROW or packed:byte(1) ~= LAYOUT then
      open_group(packed, keys[index])
    end
    local _, _, last, _, _, _, _, seen, _, read = unpack_numbers(HEAD, packed)
    if last > seen then unseen = unseen + 1 end
    if last > read then unread = unread + 1 end
  end
  return unseen, unread
end

local function count(number)
  local hash, order = KEYS[number], KEYS[feeds + number]
  local low, high = window(order, keep, ARGV[2 * number + 1], ARGV[2 * number + 2])
  local unseen, unread = 0, 0
  if marks and high > low then
    local keys = keys_between(order, low, high - 1)
    unseen, unread = unmarked(packed_of(hash, keys), keys)
  end
  return {high - low, unseen, unread}
end

local counts = {}
for number = 1, feeds do counts[number] = about(KEYS[number], count, number) end
return counts
