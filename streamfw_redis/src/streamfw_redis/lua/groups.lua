-- Grouped feeds. A feed has a hash and a sorted set in which all scores are 0.
--
-- In the hash: `g` and the key of a group -> the packed group: a header, and a row for each of its newest members, by
-- ascending id. `v` -> the version: the number of the last write, and what tells that write from all others.
-- In the sorted set, of each group: `g`, its id, its key: the order of the groups; and only of large groups:
-- `m`, the length of the key, the key, a row: a member that has no room in the packed group, all older than those which have;
-- `n`, the length of the key, the key, an actor, a number: how many members are theirs.

local HEAD, HEADER, ROW = '>I1I4I4I4I4I4I4I4I8I4I8c8', 57, 36
local LAYOUT, MOST = 1, 4294967295
local find, sub = string.find, string.sub
local REST = string.rep('\255', ROW)

local function malformed(what, key)
  error('MALFORMED ' .. what .. ' of the group ' .. string.format('%q', key:sub(1, 40)), 0)
end

local function field_of(key) return 'g' .. key end

local function element_of(newest, digest, key) return 'g' .. newest:sub(1, 8) .. digest .. key end

-- The key in an element of the order.
local function key_in(element)
  if #element < 17 then error('MALFORMED ' .. #element .. ' bytes are not the place of a group', 0) end
  return element:sub(18)
end

local function prefix_of(letter, key) return letter .. pack_numbers('>I4', #key) .. key end

-- How many members of a group are not in the packed one.
local function older_of(packed, key)
  if #packed < HEADER + ROW then malformed(#packed .. ' bytes are not those', key) end
  return (unpack_numbers('>I4', packed, 14))
end

-- The header of a packed group, whose numbers can be trusted then.
local function open_group(packed, key)
  if not packed then malformed('nothing is stored', key) end
  if #packed < HEADER + ROW or (#packed - HEADER) % ROW ~= 0 then malformed(#packed .. ' bytes are not those', key) end
  local layout, arrivals, last, actors, older, forgotten, older_last, seen, seen_at, read, read_at, digest =
    unpack_numbers(HEAD, packed)
  if layout ~= LAYOUT then malformed('layout ' .. layout .. ' is unknown:', key) end
  local members = (#packed - HEADER) / ROW + older + forgotten
  if last > arrivals or seen > arrivals or read > arrivals or older_last > last or actors < 1 or actors > members
    or (older == 0) ~= (older_last == 0)
  then
    malformed('the numbers do not fit together', key)
  end
  return {
    key = key, digest = digest, arrivals = arrivals, last = last, seen = seen, seen_at = seen_at, read = read,
    read_at = read_at, older = older, older_last = older_last, forgotten = forgotten, actors = actors,
  }
end

local function pack_header(group)
  return pack_numbers(
    HEAD, LAYOUT, group.arrivals, group.last, group.actors, group.older, group.forgotten, group.older_last, group.seen,
    group.seen_at, group.read, group.read_at, group.digest
  )
end

-- Where the row of a member is among rows, which may follow a header: how many bytes stand before it; nil: it is not there.
local function row_of(rows, id, header)
  -- The beginnings of ids are all alike.
  local digest = id:sub(9)
  local at = find(rows, digest, header + 1, true)
  while at do
    if (at - header) % ROW == 9 and rows:sub(at - 8, at + 7) == id then return at - 9 end
    at = find(rows, digest, at + 1, true)
  end
end

-- Whether any of the rows is of an actor.
local function has_actor(rows, actor, header)
  local at = find(rows, actor, header + 1, true)
  while at do
    if (at - header) % ROW == 29 then return true end
    at = find(rows, actor, at + 1, true)
  end
  return false
end

-- The members of a large group that have no room in the packed one, oldest first: their elements, at most so many.
local function older_rows(order, key, limit)
  local prefix = prefix_of('m', key)
  local found = redis.call('ZRANGEBYLEX', order, '[' .. prefix, '[' .. prefix .. REST, 'LIMIT', 0, limit)
  for number, element in ipairs(found) do
    if #element ~= #prefix + ROW then malformed(#element - #prefix .. ' bytes are not a member', key) end
    found[number] = element:sub(-ROW)
  end
  return found
end

-- One of them, by its id; nil: it is not there.
local function older_row(order, key, id)
  local prefix = prefix_of('m', key) .. id
  local element = redis.call('ZRANGEBYLEX', order, '[' .. prefix, '[' .. prefix .. REST, 'LIMIT', 0, 1)[1]
  if element and #element ~= #prefix + ROW - 16 then malformed(#element .. ' bytes are not a member', key) end
  return element and element:sub(-ROW)
end

-- The first element of the order that readers see: how many groups are before it, and how many there are.
local function visible_from(order, keep)
  local groups = redis.call('ZLEXCOUNT', order, '[g', '(h')
  return math.max(0, groups - keep), groups
end

-- The ranks between which groups are visible and within bounds: the first, and the one after the last.
-- Bounds are what elements begin with: the first that is within, and the first that is not any more.
local function window(order, keep, lower, upper)
  local low, high = visible_from(order, keep)
  if lower ~= 'g' then low = math.max(low, redis.call('ZLEXCOUNT', order, '[g', '(' .. lower)) end
  if upper ~= 'h' then high = redis.call('ZLEXCOUNT', order, '[g', '(' .. upper) end
  return low, math.max(low, high)
end

-- The keys of the groups at ranks.
local function keys_between(order, first, last)
  if last < first then return {} end
  local keys = redis.call('ZRANGE', order, first, last)
  for number, element in ipairs(keys) do keys[number] = key_in(element) end
  return keys
end

-- What is packed of groups, beside their keys.
local function packed_of(hash, keys)
  local found = {}
  for first = 1, #keys, 1000 do
    local fields = {}
    for index = first, math.min(first + 999, #keys) do fields[#fields + 1] = field_of(keys[index]) end
    for _, packed in ipairs(redis.call('HMGET', hash, unpack(fields))) do found[#found + 1] = packed end
  end
  return found
end

-- The version after one more write. A feed that is new begins anywhere, so that its versions do not come again.
local function next_version(version, start, tag)
  if not version then return pack_stamp(start) .. tag end
  if #version ~= 16 then error('MALFORMED ' .. #version .. ' bytes are not a version', 0) end
  return pack_stamp(stamp_at(version, 1) + 1) .. tag
end

-- Calls a function; an error gets the name of the feed that it is about.
local function about(hash, run, ...)
  local worked, result = pcall(run, ...)
  if not worked then error(words(result) .. ', in ' .. hash, 0) end
  return result
end
