-- Flat timelines: a list of elements, oldest first, or, when it gets long, a sorted set of them.

-- Lengths of elements: 14 bytes of id and 2 or 3 of how much later it was published, or 16 of id and 8 of stamp.
local SHORT, MIDDLE, LONG = 16, 17, 24
local LONGEST_LIST = 2000
-- Entries more than readers see, so that a full feed is not cut at every append. With 7 a feed of 100 stays within the 2,048
-- bytes that the allocator gives it.
local SLACK = 7
local AFTER = string.rep('\255', 8)

local function malformed(element)
  error('MALFORMED ' .. #element .. ' bytes are not an entry of a timeline', 0)
end

local function id_of(element)
  if #element == MIDDLE or #element == SHORT then return '\0\0' .. element:sub(1, 14) end
  if #element ~= LONG then malformed(element) end
  return element:sub(1, 16)
end

-- An id as the keys of notes have it.
local function hex(id)
  return string.format('%08x%08x%08x%08x', unpack_numbers('>I4I4I4I4', id))
end

local function stamp_of(element)
  if #element == LONG then return stamp_at(element, 17) end
  if #element ~= MIDDLE and #element ~= SHORT then malformed(element) end
  local time, _, at = unpack_numbers('>I6I8', element)
  return time * 1000 + unpack_numbers(#element == SHORT and '>I2' or '>I3', element, at)
end

-- Two numbers by which elements and ids are in order, but for those so near to each other that a number has too few digits.
local function numbers_of(element)
  if #element == MIDDLE or #element == SHORT then
    local high, low = unpack_numbers('>I6I8', element)
    return high, low
  end
  if #element ~= LONG then malformed(element) end
  local high, low = unpack_numbers('>I8I8', element)
  return high, low
end

-- An element for a list: short where the stamp is a little later than the time in the id.
local function element_of(id, stamp)
  local high, time = unpack_numbers('>I2I6', id)
  local late = stamp - time * 1000
  if high ~= 0 or late < 0 or late >= 16777216 then return id .. pack_stamp(stamp) end
  return id:sub(3) .. pack_numbers(late < 65536 and '>I2' or '>I3', late)
end

-- The index of an id in elements that ascend, or of the first that is larger, and whether it is there.
local function place_of(elements, id)
  local low, high = 1, #elements + 1
  while low < high do
    local middle = math.floor((low + high) / 2)
    if before(id_of(elements[middle]), id) then low = middle + 1 else high = middle end
  end
  return low, elements[low] ~= nil and id_of(elements[low]) == id
end

local function type_of(key)
  return redis.call('TYPE', key).ok
end

local function is_ours(element)
  return #element == SHORT or #element == MIDDLE or #element == LONG
end

-- Of those elements that are ours: what somebody else put there has no payload.
local function ids_of(elements)
  local ids = {}
  for _, element in ipairs(elements) do
    if is_ours(element) then ids[#ids + 1] = id_of(element) end
  end
  return ids
end

-- Deletes the oldest entries, with their payloads.
local function pop_oldest(key, kind, payloads, number)
  if payloads then
    for first = 0, number - 1, 1000 do
      local last = math.min(first + 1000, number) - 1
      in_parts('HDEL', payloads, ids_of(redis.call(kind == 'zset' and 'ZRANGE' or 'LRANGE', key, first, last)))
    end
  end
  if kind == 'zset' then
    redis.call('ZREMRANGEBYRANK', key, 0, number - 1)
  else
    redis.call('LTRIM', key, number, -1)
  end
end

-- Turns a list that got too long into a sorted set.
local function to_set(key)
  local elements = redis.call('LRANGE', key, 0, -1)
  local scored = {}
  for number, element in ipairs(elements) do
    scored[2 * number - 1] = '0'
    scored[2 * number] = id_of(element) .. pack_stamp(stamp_of(element))
  end
  redis.call('DEL', key)
  in_parts('ZADD', key, scored)
end

-- The type of a timeline and how many entries it holds.
local function measure(key)
  local kind = type_of(key)
  if kind == 'none' then return kind, 0 end
  return kind, redis.call(kind == 'zset' and 'ZCARD' or 'LLEN', key)
end

local function range(key, kind, first, last)
  if kind == 'none' or last < first then return {} end
  return redis.call(kind == 'zset' and 'ZRANGE' or 'LRANGE', key, first, last)
end

-- How many entries of a timeline have smaller ids.
local function rank_of(key, kind, length, id)
  if kind == 'none' then return 0 end
  if kind == 'zset' then return redis.call('ZLEXCOUNT', key, '-', '(' .. id) end
  local low, high = 0, length
  while low < high do
    local middle = math.floor((low + high) / 2)
    if before(id_of(redis.call('LINDEX', key, middle)), id) then low = middle + 1 else high = middle end
  end
  return low
end

-- The ranks between which entries are visible and within bounds: the first, and the one after the last.
local function window(key, kind, length, keep, lower, upper)
  local low, high = math.max(0, length - keep), length
  if lower ~= '' then low = math.max(low, rank_of(key, kind, length, lower)) end
  if upper ~= '' then
    local rank = rank_of(key, kind, length, upper)
    local there = range(key, kind, rank, rank)[1]
    high = rank + ((there and id_of(there) == upper) and 1 or 0)
  end
  return low, math.max(low, high)
end
