-- Writes to many grouped feeds: the same puts, removals and updates to each.
--
-- KEYS: floors, the marker that there are notes, a note for each id that is written, then of all feeds the hashes, the sorted sets, and the payloads where the
--   feed keeps them inline.
-- ARGV: keep, inline (0 or 1), report (0 or 1), now (microseconds), ttl (milliseconds), how many bytes of a hash's key stand
--   before and after the owner, how many members a packed group and a group have at most, the version of a feed that is new,
--   what tells this write from all others, the version that a feed must have ('': any),
--   how many notes, groups, puts, removals and updates there are; then of each group: key, digest;
--   of each put: the number of its note, of its group, id, stamp, actor (and payload); of each removal: note, group (0: any),
--   id, stamp; of each update: note, group (0: any), id, stamp, payload.
-- Returns: how many members are new, how many are gone, failures (index of the feed, words, ...),
--   changes (index of the feed, ids added, ids removed, ...) when they are to be reported, how many feeds had another version.

local keep, inline, report = tonumber(ARGV[1]), ARGV[2] == '1', ARGV[3] == '1'
local now, ttl = tonumber(ARGV[4]), tonumber(ARGV[5])
local before_owner, after_owner = tonumber(ARGV[6]), tonumber(ARGV[7])
local room, exact = tonumber(ARGV[8]), tonumber(ARGV[9])
local start, tag, expected = tonumber(ARGV[10]), ARGV[11], tonumber(ARGV[12])
local number_of_notes = tonumber(ARGV[13])

local groups, cursor = {}, 18
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
local puts = take(tonumber(ARGV[15]), true, inline)
local removes = take(tonumber(ARGV[16]), false, false)
local updates = take(tonumber(ARGV[17]), false, inline)

local named = {'v'}
for number, group in ipairs(groups) do named[number + 1] = group.field end
local wanted = {}  -- ids that are looked for in all groups
for _, operations in ipairs({removes, updates}) do
  for _, operation in ipairs(operations) do
    if not operation.group then wanted[#wanted + 1] = operation.id end
  end
end

local number_of_feeds = (#KEYS - 2 - number_of_notes) / (inline and 3 or 2)
local first_hash = 3 + number_of_notes
local first_order, first_payloads = first_hash + number_of_feeds, first_hash + 2 * number_of_feeds

local has_notes = false
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

-- The payloads of an inline feed: 8 bytes for the stamp of an update, 0 for none, and what was serialized.
local NEVER = pack_stamp(0)

local function updated_at(feed, id, group)
  local found = redis.call('HGET', feed.payloads, id .. group.key)
  return found and stamp_at(found, 1) or 0
end

local function set_payload(feed, id, group, stamp, payload)
  redis.call('HSET', feed.payloads, id .. group.key, stamp .. payload)
end

-- Whether and how a put may come in: its payload.
local function admitted(feed, put)
  if not has_notes then return true, put.payload end
  local removed, updated, payload = note_of(put.note, feed.owner)
  if removed >= put.stamp then return false end
  return true, updated >= put.stamp and put.payload and payload or put.payload
end

-- The group of a put that is new in it, which may have to be made; nil: the put came too late.
local function joined(feed, put)
  local group = feed.by_key[put.group.key]
  if group then
    -- What emptied the feed was before the group began anew.
    return not is_cut(feed.floors, ALL, put.stamp, now) and group or nil
  end
  if is_cut(feed.floors, put.id:sub(1, 8) .. put.group.digest, put.stamp, now) then return nil end
  group = new_group(put.group.key, put.group.digest)
  feed.by_key[group.key] = group
  feed.groups[#feed.groups + 1] = group
  return group
end

local function put_all(feed)
  local fresh = {}
  for _, put in ipairs(puts) do
    local may, payload = admitted(feed, put)
    local group = feed.by_key[put.group.key]
    local row, offset
    if may and group then row, offset = find_member(feed, group, put.id) end
    if may and row then
      if stamp_at(row, 17) < put.stamp then
        if inline and updated_at(feed, put.id, group) <= put.stamp then
          set_payload(feed, put.id, group, NEVER, payload)
        end
        replace_stamp(feed, group, row, offset, put.stamp)
        group.changed = true
      end
    elseif may then
      group = joined(feed, put)
      if group and add_member(feed, group, put, feed.forgotten) then
        group.changed = true
        if not feed.forgotten[put.id] then
          if inline then set_payload(feed, put.id, group, NEVER, payload) end
          fresh[#fresh + 1] = {id = put.id, group = group}
        end
      end
    end
  end
  return fresh
end

-- The groups that an operation may concern.
local function holders(feed, operation)
  if operation.group then return {feed.by_key[operation.group.key]} end
  return feed.groups
end

local function remove_all(feed)
  local gone = {}
  for _, removal in ipairs(removes) do
    local found = false
    for _, group in ipairs(holders(feed, removal)) do
      if #group.rows > 0 then
        local row, offset = find_member(feed, group, removal.id)
        if row and stamp_at(row, 17) <= removal.stamp then
          remove_member(feed, group, row, offset)
          group.changed, found = true, true
        end
      end
    end
    if found then gone[#gone + 1] = removal.id end
  end
  return gone
end

local function update_all(feed)
  for _, update in ipairs(inline and updates or {}) do
    for _, group in ipairs(holders(feed, update)) do
      local row = #group.rows > 0 and find_member(feed, group, update.id)
      if row then
        local stamp, payload = update.stamp, update.payload
        local _, everywhere, newest = note_of(update.note, feed.owner)
        if everywhere >= stamp then stamp, payload = everywhere, newest end
        if stamp > stamp_at(row, 17) and stamp > updated_at(feed, update.id, group) then
          set_payload(feed, update.id, group, pack_stamp(stamp), payload)
          feed.changed = true
        end
      end
    end
  end
end

-- Whether a packed group may have one of the ids that are looked for everywhere.
local function is_wanted(packed, key)
  for _, id in ipairs(wanted) do
    if find(packed, sub(id, 9), HEADER + 1, true) then return true end
  end
  return older_of(packed, key) > 0
end

-- Reads the groups that are concerned. Nothing has been written yet, so here errors do no harm.
local function load_feed(feed)
  local found = redis.call('HMGET', feed.hash, unpack(named))
  feed.version = found[1]
  for number, group in ipairs(groups) do
    local packed = found[number + 1]
    if packed then
      local loaded = load_group(packed, group.key)
      feed.by_key[group.key] = loaded
      feed.groups[#feed.groups + 1] = loaded
    end
  end
  if #wanted == 0 then return end
  local all = redis.call('HGETALL', feed.hash)
  for at = 1, #all, 2 do
    local key = sub(all[at], 2)
    if all[at] ~= 'v' and not feed.by_key[key] and is_wanted(all[at + 1], key) then
      local loaded = load_group(all[at + 1], key)
      feed.by_key[key] = loaded
      feed.groups[#feed.groups + 1] = loaded
    end
  end
end

-- Cuts the oldest groups, of which readers see nothing.
local function cut(feed)
  local excess = redis.call('HLEN', feed.hash) - 1 - keep
  if excess <= 0 then return end
  local elements = redis.call('ZRANGE', feed.order, 0, excess - 1)
  drop_groups(feed, elements)
  for _, element in ipairs(elements) do
    local group = feed.by_key[sub(element, 18)]
    if group then group.rows = '' end
  end
end

local NOTHING = {}

-- The ids that are new and still there, and those that were there and are gone.
local function changes_of(feed, fresh, gone)
  if #fresh + #gone == 0 then return NOTHING, NOTHING end
  local is_gone, is_fresh, added, removed = {}, {}, {}, {}
  for _, id in ipairs(gone) do is_gone[id] = true end
  for _, put in ipairs(fresh) do
    is_fresh[put.id] = true
    if not is_gone[put.id] and not feed.forgotten[put.id] and #put.group.rows > 0 then added[#added + 1] = put.id end
  end
  for _, id in ipairs(gone) do
    if not is_fresh[id] then removed[#removed + 1] = id end
  end
  return added, removed
end

local refused = 0

-- Whether a feed has the version that it must have. One that has the tag of this write has got it already, and only the answer
-- did not arrive.
local function is_as_expected(feed)
  local version = feed.version
  if version and sub(version, 9) == tag then return false end
  if (version and stamp_at(version, 1) or 0) == expected then return true end
  refused = refused + 1
  return false
end

-- Everything for one feed. Returns the ids that are new and that are gone.
local function write(index)
  local feed = {
    hash = KEYS[first_hash + index - 1], order = KEYS[first_order + index - 1],
    payloads = inline and KEYS[first_payloads + index - 1] or nil,
    owner = owner_of(index), room = room, exact = exact, groups = {}, by_key = {}, forgotten = {},
  }
  feed.floors = floors[index] and floors_of(KEYS[1], feed.owner) or NOTHING
  -- These fail now where something is of another type.
  local held = redis.call('ZCARD', feed.order)
  if inline then redis.call('HLEN', feed.payloads) end
  -- What readers do not see must not come back when something else is removed.
  if held > keep then cut(feed) end
  load_feed(feed)
  local version = next_version(feed.version, start, tag)
  if expected and not is_as_expected(feed) then return NOTHING, NOTHING end
  local fresh = put_all(feed)
  local gone = remove_all(feed)
  update_all(feed)
  local changed = {}
  for _, group in ipairs(feed.groups) do
    if group.changed then
      changed[#changed + 1] = group
      feed.grown = feed.grown or not group.place
    end
  end
  if #changed > 0 or ((feed.changed or expected) and feed.version) then save_groups(feed, changed, version) end
  if feed.grown then cut(feed) end
  return changes_of(feed, fresh, gone)
end

local added_total, removed_total, failures, changes = 0, 0, {}, {}
local failing = {}

local function write_slowly(index)
  local worked, added, removed = pcall(write, index)
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

local one = #puts == 1 and #removes == 0 and #updates == 0 and puts[1]
local add_quickly = one and keep > 0 and not (has_notes or report or expected) and adding(one)
for index = 1, number_of_feeds do
  if not add_quickly or floors[index] or not add_quickly(index) then write_slowly(index) end
end
note_removals()
return {added_total, removed_total, failures, changes, refused}
