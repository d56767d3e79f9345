-- Where ids are in a timeline.
--
-- KEYS: the timeline. ARGV: keep, lower and upper id ('': none), and the ids that are looked for.
-- Returns how many entries are visible and within bounds, and for each id how many of them are older; -1: it is not there.

local key, places = KEYS[1], {}
local kind, length = measure(key)
local low, high = window(key, kind, length, tonumber(ARGV[1]), ARGV[2], ARGV[3])
for number = 4, #ARGV do
  local rank = rank_of(key, kind, length, ARGV[number])
  local there = rank >= low and rank < high and range(key, kind, rank, rank)[1]
  places[number - 3] = (there and id_of(there) == ARGV[number]) and rank - low or -1
end
return {high - low, places}
