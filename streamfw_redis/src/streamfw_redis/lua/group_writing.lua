-- Writing to one grouped feed after the other. What is written is set once, before the first.

local keep, inline, now, start, tag, expected = 0, false, 0, 0, '', nil
local puts, removes, updates = {}, {}, {}
local groups = {}     -- that operations name: their key, field and digest
local named = {'v'}   -- fields of the hash that are read
local wanted = {}     -- ids that are looked for in all groups
local has_notes = false
local refused = 0     -- how many feeds had another version

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

-- Whether a feed has the version that it must have. One that has the tag of this write has got it already, and only the answer
-- did not arrive.
local function is_as_expected(feed)
  local version = feed.version
  if version and sub(version, 9) == tag then return false end
  if (version and stamp_at(version, 1) or 0) == expected then return true end
  refused = refused + 1
  return false
end

-- Everything for one feed: a table of its keys, owner, floors, and how many members may be where. Returns the ids that are new
-- and that are gone.
local function write(feed)
  feed.groups, feed.by_key, feed.forgotten = {}, {}, {}
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
