-- Writes to many grouped feeds: the same puts, removals and updates to each.
--
-- KEYS: floors, the marker that there are notes, a note for each id that is written, then of all feeds the hashes, the sorted
--   sets, and the payloads where the feed keeps them inline.
-- ARGV: keep, inline (0 or 1), report (0 or 1), now (microseconds), ttl (milliseconds), how many bytes of a hash's key stand
--   before and after the owner, how many members a packed group and a group have at most, the version of a feed that is new,
--   what tells this write from all others, the version that a feed must have ('': any),
--   how many notes, groups, puts, removals and updates there are; then of each group: key, digest;
--   of each put: the number of its note, of its group, id, stamp, actor (and payload); of each removal: note, group (0: any),
--   id, stamp; of each update: note, group (0: any), id, stamp, payload.
-- Returns: how many members are new, how many are gone, failures (index of the feed, words, ...),
--   changes (index of the feed, ids added, ids removed, ...) when they are to be reported, how many feeds had another version.

keep, inline, now = tonumber(ARGV[1]), ARGV[2] == '1', tonumber(ARGV[4])
local report, ttl = ARGV[3] == '1', tonumber(ARGV[5])
local before_owner, after_owner = tonumber(ARGV[6]), tonumber(ARGV[7])
local room, exact = tonumber(ARGV[8]), tonumber(ARGV[9])
start, tag, expected = tonumber(ARGV[10]), ARGV[11], tonumber(ARGV[12])
local number_of_notes = tonumber(ARGV[13])

local cursor = 18
for number = 1, tonumber(ARGV[14]) do
  groups[number] = {key = ARGV[cursor], field = field_of(ARGV[cursor]), digest = ARGV[cursor + 1]}
  cursor = cursor + 2
end

local function take(number, with_actor, with_payload)
  local taken = {}
  for index = 1, number do
    local one = {
      note = KEYS[2 + tonumber(ARGV[cursor])], group = groups[tonumber(ARGV[cursor + 1])],
      id = ARGV[cursor + 2], stamp = tonumber(ARGV[cursor + 3]),
    }
    cursor = cursor + 4
    if with_actor then one.actor, cursor = ARGV[cursor], cursor + 1 end
    if with_payload then one.payload, cursor = ARGV[cursor], cursor + 1 end
    taken[index] = one
  end
  return taken
end
puts = take(tonumber(ARGV[15]), true, inline)
removes = take(tonumber(ARGV[16]), false, false)
updates = take(tonumber(ARGV[17]), false, inline)

for number, group in ipairs(groups) do named[number + 1] = group.field end
for _, operations in ipairs({removes, updates}) do
  for _, operation in ipairs(operations) do
    if not operation.group then wanted[#wanted + 1] = operation.id end
  end
end

local number_of_feeds = (#KEYS - 2 - number_of_notes) / (inline and 3 or 2)
local first_hash = 3 + number_of_notes
local first_order, first_payloads = first_hash + number_of_feeds, first_hash + 2 * number_of_feeds

if redis.call('EXISTS', KEYS[2]) == 1 then
  -- This fails now where one is of another type.
  for number = 3, number_of_notes + 2 do has_notes = redis.call('HLEN', KEYS[number]) > 0 or has_notes end
end

local function owner_of(index) return KEYS[first_hash + index - 1]:sub(before_owner + 1, -after_owner - 1) end

local floors = {}
if redis.call('EXISTS', KEYS[1]) == 1 then
  local owners = {}
  for index = 1, number_of_feeds do owners[index] = owner_of(index) end
  floors = redis.call('HMGET', KEYS[1], unpack(owners))
end

local added_total, removed_total, failures, changes = 0, 0, {}, {}
local failing = {}

local function write_slowly(index)
  local owner = owner_of(index)
  local worked, added, removed = pcall(write, {
    hash = KEYS[first_hash + index - 1], order = KEYS[first_order + index - 1],
    payloads = inline and KEYS[first_payloads + index - 1] or nil,
    owner = owner, floors = floors[index] and floors_of(KEYS[1], owner) or NOTHING, room = room, exact = exact,
  })
  if not worked then
    failures[#failures + 1] = index
    failures[#failures + 1] = words(added)
    failing[index] = true
    return
  end
  added_total, removed_total = added_total + #added, removed_total + #removed
  if report and #added + #removed > 0 then
    changes[#changes + 1] = index
    changes[#changes + 1] = table.concat(added)
    changes[#changes + 1] = table.concat(removed)
  end
end

-- Remembers the removals from each of the feeds, unless one from all says as much.
local function note_removals()
  for _, removal in ipairs(removes) do
    local owners, fields = {}, {}
    for index = 1, number_of_feeds do
      if not failing[index] then owners[#owners + 1] = owner_of(index) end
    end
    local known = redis.call('HMGET', removal.note, '*', unpack(owners))
    if not known[1] or stamp_at(known[1], 1) < removal.stamp then
      for number, owner in ipairs(owners) do
        local its = known[number + 1]
        if not its or stamp_at(its, 1) < removal.stamp then
          fields[#fields + 1] = owner
          fields[#fields + 1] = pack_stamp(removal.stamp)
        end
      end
      in_parts('HSET', removal.note, fields)
      redis.call('PEXPIRE', removal.note, ttl)
    end
  end
  if #removes > 0 then mark_notes(KEYS[2], ttl) end
end

-- Fan-out's case: one member that is newer than what its group has, or makes the newest group. Returns a function that puts it
-- into one feed, and returns false where it is another case. Nothing is read twice, and no number becomes a text.
local function adding(put)
  local call, pcall, find, sub, KEYS = redis.call, redis.pcall, find, sub, KEYS
  local unpack_numbers, pack_numbers, row_of, has_actor = unpack_numbers, pack_numbers, row_of, has_actor
  local id, stamp, actor, key, field, digest = put.id, put.stamp, put.actor, put.group.key, put.group.field, put.group.digest
  local start_of_row, time, place = id .. pack_stamp(stamp), sub(id, 1, 8), element_of(id, digest, key)
  local most, layout_byte, first = HEADER + math.min(room, exact) * ROW, string.char(LAYOUT), pack_numbers('>I4', 1)
  local new = pack_numbers(HEAD, LAYOUT, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, digest) .. start_of_row .. first .. actor

  local function make(hash, order, version)
    local held, oldest = call('HLEN', hash) - 1, nil
    if inline or held > keep then return false end
    if held == keep then
      -- One has to go for it: here such that has nothing but its place and its field.
      local found, places = pcall('ZRANGE', order, '0', '0'), pcall('ZCARD', order)
      oldest = found[1]
      if places ~= held or not oldest or #oldest < 17 or not before(sub(oldest, 2), sub(place, 2)) then return false end
    end
    if type(pcall('ZADD', order, '0', place)) == 'table' then return false end
    if oldest then
      call('ZREM', order, oldest)
      call('HDEL', hash, field_of(sub(oldest, 18)))
    end
    call('HSET', hash, field, new, 'v', next_version(version, start, tag))
    added_total = added_total + 1
    return true
  end

  return function(index)
    local hash = KEYS[first_hash + index - 1]
    local found = pcall('HMGET', hash, 'v', field)
    local version, packed = found[1], found[2]
    if found.err or (version and #version ~= 16) then return false end
    if not packed then return make(hash, KEYS[first_order + index - 1], version) end
    local size = #packed
    if size < HEADER + ROW or size >= most or (size - HEADER) % ROW ~= 0 then return false end
    local layout, arrivals, last, actors, older, forgotten = unpack_numbers('>I1I4I4I4I4I4', packed)
    if layout ~= LAYOUT or older + forgotten > 0 or arrivals == MOST or last > arrivals then return false end
    local offset = row_of(packed, id, HEADER)
    if offset then return stamp_at(packed, offset + 17) >= stamp end
    local newest = sub(packed, -ROW, -ROW + 15)
    if not before(newest, id) then return false end
    if inline then
      local stored = pcall('HSET', KEYS[first_payloads + index - 1], id .. key, NEVER .. put.payload)
      if type(stored) == 'table' then return false end
    end
    if sub(newest, 1, 8) ~= time then
      local order = KEYS[first_order + index - 1]
      if type(pcall('ZREM', order, element_of(newest, digest, key))) == 'table' then return false end
      call('ZADD', order, '0', place)
    end
    if not has_actor(packed, actor, HEADER) then actors = actors + 1 end
    local arrival = pack_numbers('>I4', arrivals + 1)
    local changed = layout_byte .. arrival .. arrival .. pack_numbers('>I4', actors) .. sub(packed, 14)
      .. start_of_row .. arrival .. actor
    call('HSET', hash, field, changed, 'v', next_version(version, start, tag))
    added_total = added_total + 1
    return true
  end
end

-- The other case of fan-out: one member is removed from its group, which has others. Likewise.
local function removing(removal)
  local id, stamp, key, field, digest = removal.id, removal.stamp, removal.group.key, removal.group.field, removal.group.digest
  return function(index)
    local hash, order = KEYS[first_hash + index - 1], KEYS[first_order + index - 1]
    local found = redis.pcall('HMGET', hash, 'v', field)
    local version, packed = found[1], found[2]
    if found.err or (version and #version ~= 16) then return false end
    if not packed then return true end
    local size = #packed
    if size < HEADER + 2 * ROW or (size - HEADER) % ROW ~= 0 then return false end
    local layout, arrivals, last, actors, older, forgotten = unpack_numbers('>I1I4I4I4I4I4', packed)
    if layout ~= LAYOUT or older + forgotten > 0 or last > arrivals or actors < 1 then return false end
    local offset = row_of(packed, id, HEADER)
    if not offset or stamp_at(packed, offset + 17) > stamp then return true end
    local rows = sub(packed, HEADER + 1, offset) .. sub(packed, offset + ROW + 1)
    if offset + ROW == size then
      local old, place = element_of(id, digest, key), element_of(sub(rows, -ROW, -ROW + 15), digest, key)
      if old ~= place then
        if redis.call('HLEN', hash) - 1 > keep or type(redis.pcall('ZREM', order, old)) == 'table' then return false end
        redis.call('ZADD', order, '0', place)
      end
    end
    if unpack_numbers('>I4', packed, offset + 25) == last then
      last = 0
      for at = 25, #rows, ROW do last = math.max(last, (unpack_numbers('>I4', rows, at))) end
    end
    if not has_actor(rows, sub(packed, offset + 29, offset + ROW), 0) then actors = actors - 1 end
    local header = sub(packed, 1, 5) .. pack_numbers('>I4I4', last, actors) .. sub(packed, 14, HEADER)
    redis.call('HSET', hash, field, header .. rows, 'v', next_version(version, start, tag))
    removed_total = removed_total + 1
    return true
  end
end

-- What is done to one feed after the other, as far as it works there.
local quickly
if not (report or expected) and keep > 0 and #puts + #removes == 1 and #updates == 0 then
  if #puts == 1 then
    quickly = not has_notes and adding(puts[1])
  else
    quickly = not inline and removes[1].group and removing(removes[1])
  end
end
for index = 1, number_of_feeds do
  -- Where a feed was cut concerns what is put in.
  if not quickly or (#puts == 1 and floors[index]) or not quickly(index) then write_slowly(index) end
end
note_removals()
return {added_total, removed_total, failures, changes, refused}
