-- How many groups of feeds are visible and within bounds, and how many of them are unseen and unread.
--
-- KEYS: the hashes, the sorted sets. ARGV: keep, whether marks are wanted (0 or 1); then of each: lower and upper bound.
-- Returns three numbers for each.

local keep, marks, feeds = tonumber(ARGV[1]), ARGV[2] == '1', #KEYS / 2
local counts = {}
for number = 1, feeds do
  local hash, order = KEYS[number], KEYS[feeds + number]
  local low, high = window(order, keep, ARGV[2 * number + 1], ARGV[2 * number + 2])
  local unseen, unread = 0, 0
  if marks then
    local keys = keys_between(order, low, high - 1)
    for index, packed in ipairs(packed_of(hash, keys)) do
      local group = open_group(packed, keys[index])
      if group.last > group.seen then unseen = unseen + 1 end
      if group.last > group.read then unread = unread + 1 end
    end
  end
  counts[number] = {high - low, unseen, unread}
end
return counts
