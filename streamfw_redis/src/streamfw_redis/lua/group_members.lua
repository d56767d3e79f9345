-- Putting members into groups and taking them out.
--
-- A group is what `open_group` returns, with its `rows`. A feed is a table of its keys (`hash`, `order`, and `payloads` where
-- it keeps those inline), `room` (how many members a packed group has at most) and `exact` (how many a group has in all).

local function new_group(key, digest)
  return {
    key = key, digest = digest, rows = '', arrivals = 0, last = 0, seen = 0, seen_at = 0, read = 0, read_at = 0,
    older = 0, older_last = 0, forgotten = 0, actors = 0,
  }
end

local function load_group(packed, key)
  local group = open_group(packed, key)
  group.rows = packed:sub(HEADER + 1)
  group.place = element_of(sub(group.rows, -ROW, -ROW + 15), group.digest, key)
  return group
end

local function row_at(rows, number) return rows:sub((number - 1) * ROW + 1, number * ROW) end

local function arrival_of(row) return (unpack_numbers('>I4', row, 25)) end

local function actor_of(row) return row:sub(29, 36) end

local function is_large(group) return group.older > 0 or group.forgotten > 0 end

-- The row of a member, and how many bytes stand before it where it is in the packed group.
local function find_member(feed, group, id)
  local offset = row_of(group.rows, id, 0)
  if offset then return group.rows:sub(offset + 1, offset + ROW), offset end
  if group.older > 0 and before(id, group.rows) then return older_row(feed.order, group.key, id) end
end

-- How many bytes of the rows are of members with smaller ids.
local function offset_for(rows, id)
  local low, high = 0, #rows / ROW
  if high > 0 and before(rows:sub(-ROW), id) then return #rows end
  while low < high do
    local middle = math.floor((low + high) / 2)
    if before(rows:sub(middle * ROW + 1, middle * ROW + 16), id) then low = middle + 1 else high = middle end
  end
  return low * ROW
end

-- Counts one member more or less for an actor of a large group; returns how many theirs are then.
local function count_actor(feed, group, actor, by)
  local prefix = prefix_of('n', group.key) .. actor
  local known = redis.call('ZRANGEBYLEX', feed.order, '[' .. prefix, '[' .. prefix .. REST, 'LIMIT', 0, 1)[1]
  if known and #known ~= #prefix + 4 then malformed(#known .. ' bytes are not an actor', group.key) end
  local count = (known and unpack_numbers('>I4', known, #prefix + 1) or 0) + by
  if known then redis.call('ZREM', feed.order, known) end
  if count > 0 then redis.call('ZADD', feed.order, '0', prefix .. pack_numbers('>I4', count)) end
  return count
end

-- From now on the group is large: of its members not all are in the rows.
local function count_actors(feed, group)
  local counts, elements, prefix = {}, {}, prefix_of('n', group.key)
  for number = 1, #group.rows / ROW do
    local actor = actor_of(row_at(group.rows, number))
    counts[actor] = (counts[actor] or 0) + 1
  end
  for actor, count in pairs(counts) do
    elements[#elements + 1] = '0'
    elements[#elements + 1] = prefix .. actor .. pack_numbers('>I4', count)
  end
  in_parts('ZADD', feed.order, elements)
end

local function forget_actors(feed, key)
  local prefix = prefix_of('n', key)
  redis.call('ZREMRANGEBYLEX', feed.order, '[' .. prefix, '[' .. prefix .. REST)
end

local function note_last_arrival(group)
  local last = group.older_last
  for at = 25, #group.rows, ROW do last = math.max(last, (unpack_numbers('>I4', group.rows, at))) end
  group.last = last
end

-- After a member that is not among the rows any more, or never was, has left the others.
local function note_older_arrival(feed, group, gone)
  if group.older == 0 then
    group.older_last = 0
  elseif gone == group.older_last then
    group.older_last = 0
    for _, row in ipairs(older_rows(feed.order, group.key, group.older)) do
      group.older_last = math.max(group.older_last, arrival_of(row))
    end
  end
end

local function drop_payload(feed, group, id)
  if feed.payloads then redis.call('HDEL', feed.payloads, id .. group.key) end
end

-- Moves the oldest half of the rows to the sorted set.
local function spill(feed, group)
  if not is_large(group) then count_actors(feed, group) end
  local moved, elements, prefix = #group.rows / ROW - math.floor(feed.room / 2), {}, prefix_of('m', group.key)
  for number = 1, moved do
    local row = row_at(group.rows, number)
    elements[2 * number - 1] = '0'
    elements[2 * number] = prefix .. row
    group.older_last = math.max(group.older_last, arrival_of(row))
  end
  in_parts('ZADD', feed.order, elements)
  group.older = group.older + moved
  group.rows = group.rows:sub(moved * ROW + 1)
end

-- Brings back what fits, when few rows are left.
local function refill(feed, group)
  local few = feed.room / 4
  if group.older == 0 or #group.rows >= few * ROW then return end
  local prefix = prefix_of('m', group.key)
  local found = redis.call(
    'ZREVRANGEBYLEX', feed.order, '[' .. prefix .. REST, '[' .. prefix, 'LIMIT', 0, math.min(group.older, few)
  )
  if #found < math.min(group.older, few) then malformed('members are missing', group.key) end
  local rows, gone = {}, 0
  for number, element in ipairs(found) do
    if #element ~= #prefix + ROW then malformed(#element .. ' bytes are not a member', group.key) end
    local row = element:sub(-ROW)
    rows[#found - number + 1] = row
    gone = math.max(gone, arrival_of(row))
  end
  in_parts('ZREM', feed.order, found)
  group.rows = table.concat(rows) .. group.rows
  group.older = group.older - #found
  note_older_arrival(feed, group, gone)
  if not is_large(group) then forget_actors(feed, group.key) end
end

local function oldest_row(feed, group)
  if group.older == 0 then return group.rows:sub(1, ROW) end
  return older_rows(feed.order, group.key, 1)[1] or malformed('members are missing', group.key)
end

-- Takes a row out, whose offset is given if it is packed; its actor still counts.
local function take_out(feed, group, row, offset)
  if offset then
    group.rows = group.rows:sub(1, offset) .. group.rows:sub(offset + ROW + 1)
  else
    redis.call('ZREM', feed.order, prefix_of('m', group.key) .. row)
    group.older = group.older - 1
    note_older_arrival(feed, group, arrival_of(row))
  end
  if arrival_of(row) == group.last then note_last_arrival(group) end
  drop_payload(feed, group, row:sub(1, 16))
end

-- Puts a member in that is not there; returns whether it is now. `forgotten` gets the ids of those that had to go for it.
local function add_member(feed, group, put, forgotten)
  if group.forgotten > 0 and before(put.id, oldest_row(feed, group)) then
    -- It may be one of those that are not kept any more.
    return false
  end
  if group.arrivals >= MOST then malformed('no more arrivals can be counted', group.key) end
  local arrival = group.arrivals + 1
  local row = put.id .. pack_numbers('>I8I4', put.stamp, arrival) .. put.actor
  if is_large(group) then
    if count_actor(feed, group, put.actor, 1) == 1 then group.actors = group.actors + 1 end
  elseif not has_actor(group.rows, put.actor, 0) then
    group.actors = group.actors + 1
  end
  group.arrivals, group.last = arrival, arrival
  if group.older > 0 and before(put.id, group.rows) then
    redis.call('ZADD', feed.order, '0', prefix_of('m', group.key) .. row)
    group.older, group.older_last = group.older + 1, arrival
  else
    local offset = offset_for(group.rows, put.id)
    group.rows = group.rows:sub(1, offset) .. row .. group.rows:sub(offset + 1)
  end
  if #group.rows / ROW + group.older > feed.exact then
    if not is_large(group) then count_actors(feed, group) end
    local oldest = oldest_row(feed, group)
    take_out(feed, group, oldest, group.older == 0 and 0 or nil)
    group.forgotten = math.min(MOST, group.forgotten + 1)
    forgotten[oldest:sub(1, 16)] = true
  end
  if #group.rows > feed.room * ROW then spill(feed, group) end
  return true
end

local function replace_stamp(feed, group, row, offset, stamp)
  local renewed = row:sub(1, 16) .. pack_stamp(stamp) .. row:sub(25)
  if offset then
    group.rows = group.rows:sub(1, offset) .. renewed .. group.rows:sub(offset + ROW + 1)
  else
    redis.call('ZREM', feed.order, prefix_of('m', group.key) .. row)
    redis.call('ZADD', feed.order, '0', prefix_of('m', group.key) .. renewed)
  end
end

local function remove_member(feed, group, row, offset)
  local large, actor = is_large(group), actor_of(row)
  take_out(feed, group, row, offset)
  if large then
    if count_actor(feed, group, actor, -1) <= 0 then group.actors = group.actors - 1 end
    if not is_large(group) then forget_actors(feed, group.key) end
    refill(feed, group)
  elseif not has_actor(group.rows, actor, 0) then
    group.actors = group.actors - 1
  end
end

-- What a large group has beside its packed one, in the sorted set.
local function drop_large(feed, key)
  for _, letter in ipairs({'m', 'n'}) do
    local prefix = prefix_of(letter, key)
    redis.call('ZREMRANGEBYLEX', feed.order, '[' .. prefix, '[' .. prefix .. REST)
  end
end

-- A feed without groups is nothing.
local function drop_if_empty(feed)
  if redis.call('ZCARD', feed.order) == 0 then redis.call('DEL', unpack({feed.hash, feed.payloads})) end
end

-- Writes groups that were changed: their places in the order, then what is packed of them. Those without members go.
local function save_groups(feed, groups, version)
  local call, gone = redis.call, false
  local fields = {'v', version}
  for _, group in ipairs(groups) do
    local old = group.place
    local place = #group.rows > 0 and element_of(sub(group.rows, -ROW, -ROW + 15), group.digest, group.key) or nil
    if place ~= old then
      if old then call('ZREM', feed.order, old) end
      if place then call('ZADD', feed.order, '0', place) end
    end
    if place then
      fields[#fields + 1] = field_of(group.key)
      fields[#fields + 1] = pack_header(group) .. group.rows
    elseif old then
      call('HDEL', feed.hash, field_of(group.key))
      if is_large(group) then drop_large(feed, group.key) end
      gone = true
    end
    group.place = place
  end
  in_parts('HSET', feed.hash, fields)
  if gone then drop_if_empty(feed) end
end

-- Deletes groups with everything they have, given their elements in the order. What is damaged goes too.
local function drop_groups(feed, elements)
  if #elements == 0 then return end
  local keys = {}
  for _, element in ipairs(elements) do
    if #element >= 17 then keys[#keys + 1] = element:sub(18) end
  end
  local fields = {}
  for number, packed in ipairs(packed_of(feed.hash, keys)) do
    local key, names = keys[number], {}
    fields[number] = field_of(key)
    local opened, group = pcall(open_group, packed, key)
    if opened and feed.payloads then
      for at = HEADER + 1, #packed, ROW do names[#names + 1] = packed:sub(at, at + 15) .. key end
      if group.older > 0 then
        local prefix = prefix_of('m', key)
        for _, element in ipairs(redis.call('ZRANGEBYLEX', feed.order, '[' .. prefix, '[' .. prefix .. REST)) do
          names[#names + 1] = element:sub(#prefix + 1, #prefix + 16) .. key
        end
      end
      in_parts('HDEL', feed.payloads, names)
    end
    if not opened or is_large(group) then drop_large(feed, key) end
  end
  in_parts('ZREM', feed.order, elements)
  in_parts('HDEL', feed.hash, fields)
end
