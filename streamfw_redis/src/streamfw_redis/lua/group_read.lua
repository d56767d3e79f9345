-- Pages of grouped feeds.
--
-- KEYS: the hashes, the sorted sets, and the payloads where the feed keeps them inline.
-- ARGV: keep, view, inline (0 or 1), what the keys of the activities begin with ('': none are wanted);
--   then of each query: start, stop ('': to the end), lower and upper bound, oldest first (0 or 1).
-- Returns for each query what `show` returns, the oldest group first.

local keep, view, inline, records = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3] == '1', ARGV[4]
local queries = (#ARGV - 4) / 5
local pages = {}

local function page_of(number)
  local at = 5 + 5 * (number - 1)
  local hash, order = KEYS[number], KEYS[queries + number]
  local start, stop = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  local low, high = window(order, keep, ARGV[at + 2], ARGV[at + 3])
  local keys
  if ARGV[at + 4] == '1' then
    keys = keys_between(order, low + start, stop and math.min(high, low + stop) - 1 or high - 1)
  else
    keys = keys_between(order, stop and math.max(low, high - stop) or low, high - start - 1)
  end
  return show(hash, order, inline and KEYS[2 * queries + number] or nil, keys, view, records, true)
end

for number = 1, queries do pages[number] = about(KEYS[number], page_of, number) end
return pages
