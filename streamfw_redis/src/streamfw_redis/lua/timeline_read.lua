-- Pages of timelines.
--
-- KEYS: the timelines, and beside each its payloads where the feed keeps them inline.
-- ARGV: keep, inline (0 or 1), what the keys of the activities begin with ('': none are wanted);
--   then of each query: start, stop ('': to the end), lower and upper id ('': none), oldest first (0 or 1).
-- Returns for each query: elements by ascending id, and beside them what is stored of the activities.

local keep, inline, records = tonumber(ARGV[1]), ARGV[2] == '1', ARGV[3]
local queries = (#ARGV - 3) / 5
local pages = {}

-- The values at many keys or fields, a thousand at a time.
local function get_all(elements, get)
  local found = {}
  for first = 1, #elements, 1000 do
    local names = {}
    for index = first, math.min(first + 999, #elements) do names[#names + 1] = id_of(elements[index]) end
    for _, value in ipairs(get(names)) do found[#found + 1] = value end
  end
  return found
end

local function activities(names)
  for index = 1, #names do names[index] = records .. hex(names[index]) end
  return redis.call('MGET', unpack(names))
end

for number = 1, queries do
  local at = 4 + 5 * (number - 1)
  local key = KEYS[number]
  local start, stop = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  local kind, length = measure(key)
  local low, high = window(key, kind, length, keep, ARGV[at + 2], ARGV[at + 3])
  local elements
  if ARGV[at + 4] == '1' then
    elements = range(key, kind, low + start, stop and math.min(high, low + stop) - 1 or high - 1)
  else
    elements = range(key, kind, stop and math.max(low, high - stop) or low, high - start - 1)
  end
  local payloads = {}
  if #elements > 0 and records ~= '' then
    payloads = get_all(elements, activities)
  elseif #elements > 0 and inline then
    local hash = KEYS[number + queries]
    payloads = get_all(elements, function(names) return redis.call('HMGET', hash, unpack(names)) end)
  end
  pages[number] = {elements, payloads}
end
return pages
