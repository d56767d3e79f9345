-- Pages of timelines.
--
-- KEYS: the timelines, and beside each its payloads where the feed keeps them inline.
-- ARGV: keep, inline (0 or 1), what the keys of the activities begin with ('': none are wanted);
--   then of each query: start, stop ('': to the end), lower and upper id ('': none), oldest first (0 or 1).
-- Returns for each query: elements by ascending id, and beside them what is stored of the activities.

local keep, inline, records = tonumber(ARGV[1]), ARGV[2] == '1', ARGV[3]
local queries = (#ARGV - 3) / 5
local pages = {}

-- What is stored of the activities of entries: at keys that begin with `start`, or in fields of a hash.
local function stored_of(elements, start, hash)
  local found = {}
  local start_of_short = start .. '\0\0'
  for first = 1, #elements, 1000 do
    local names = {}
    for index = first, math.min(first + 999, #elements) do
      local element = elements[index]
      if #element == SHORT or #element == MIDDLE then
        names[#names + 1] = start_of_short .. element:sub(1, 14)
      else
        names[#names + 1] = start .. id_of(element)
      end
    end
    local values = hash and redis.call('HMGET', hash, unpack(names)) or redis.call('MGET', unpack(names))
    if #elements <= 1000 then return values end
    for _, value in ipairs(values) do found[#found + 1] = value end
  end
  return found
end

local function select_within(key, at)
  local start, stop = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  local kind, length = measure(key)
  local low, high = window(key, kind, length, keep, ARGV[at + 2], ARGV[at + 3])
  if ARGV[at + 4] == '1' then
    return range(key, kind, low + start, stop and math.min(high, low + stop) - 1 or high - 1)
  end
  return range(key, kind, stop and math.max(low, high - stop) or low, high - start - 1)
end

for number = 1, queries do
  local at = 4 + 5 * (number - 1)
  local elements = select_within(KEYS[number], at)
  local payloads = {}
  if records ~= '' then
    payloads = stored_of(elements, records)
  elseif inline then
    payloads = stored_of(elements, '', KEYS[number + queries])
  end
  pages[number] = {elements, payloads}
end
return pages
