-- Writes to many timelines: the same puts, removals and updates to each.
--
-- KEYS: floors, a note for each id that is written, the timelines, and beside each its payloads where the feed keeps them inline.
-- ARGV: keep, inline (0 or 1), report (0 or 1), now (microseconds), ttl (milliseconds),
--   how many bytes of a timeline's key stand before and after the owner,
--   how many puts, removals and updates there are; then of each put: the number of its note, id, stamp (and payload),
--   of each removal: note, id, stamp; of each update: note, id, stamp, payload. Puts ascend by id.
-- Returns: how many entries are new, how many are gone, failures (index of the timeline, words, ...),
--   changes (index of the timeline, ids added, ids removed, ...) when they are to be reported.

local keep, inline, report = tonumber(ARGV[1]), ARGV[2] == '1', ARGV[3] == '1'
local now, ttl = tonumber(ARGV[4]), tonumber(ARGV[5])
local before_owner, after_owner = tonumber(ARGV[6]), tonumber(ARGV[7])

local cursor = 11
local function take(number, with_payload)
  local taken = {}
  for index = 1, number do
    taken[index] = {
      note = KEYS[1 + tonumber(ARGV[cursor])],
      id = ARGV[cursor + 1],
      stamp = tonumber(ARGV[cursor + 2]),
      payload = with_payload and ARGV[cursor + 3] or nil,
    }
    cursor = cursor + (with_payload and 4 or 3)
  end
  return taken
end
local puts = take(tonumber(ARGV[8]), inline)
local removes = take(tonumber(ARGV[9]), false)
local updates = take(tonumber(ARGV[10]), inline)

local notes, oldest_id = {}, nil
for _, operations in ipairs({puts, removes, updates}) do
  for _, operation in ipairs(operations) do
    notes[#notes + 1] = operation.note
    if not oldest_id or before(operation.id, oldest_id) then oldest_id = operation.id end
  end
end
local first = 2
do
  local seen = {}
  for _, note in ipairs(notes) do
    if not seen[note] then seen[note] = true first = first + 1 end
  end
end
local feeds = (#KEYS - first + 1) / (inline and 2 or 1)
local remembered = 0
for start = 1, #notes, 1000 do
  remembered = remembered + redis.call('EXISTS', unpack(notes, start, math.min(start + 999, #notes)))
end
local has_notes, has_floors = remembered > 0, redis.call('EXISTS', KEYS[1]) == 1

-- One feed as the operations below see it: entries that can be found, put in, renewed and taken out.

-- A list is looked at from its end, as far as the oldest id that is written.
local function of_list(key, length, oldest_id)
  local elements, held = {}, 0
  for _, window in ipairs({16, 128, length}) do
    held = math.min(window, length)
    elements = held > 0 and redis.call('LRANGE', key, -held, -1) or {}
    if held == length or not before(oldest_id, id_of(elements[1])) then break end
  end
  local changed = false
  local feed = {count = length}
  function feed.find(id)
    local place, found = place_of(elements, id)
    return found and stamp_of(elements[place]) or nil
  end
  function feed.renew(id, stamp)
    elements[place_of(elements, id)] = element_of(id, stamp)
    changed = true
  end
  function feed.insert(fresh)
    local merged, at = {}, 1
    for _, put in ipairs(fresh) do
      while elements[at] and before(id_of(elements[at]), put.id) do
        merged[#merged + 1] = elements[at]
        at = at + 1
      end
      merged[#merged + 1] = element_of(put.id, put.stamp)
    end
    for rest = at, #elements do merged[#merged + 1] = elements[rest] end
    elements, changed = merged, true
    feed.count = feed.count + #fresh
  end
  function feed.delete(id)
    table.remove(elements, (place_of(elements, id)))
    feed.count, changed = feed.count - 1, true
  end
  function feed.save()
    if not changed then return end
    if held == length then redis.call('DEL', key) else redis.call('LTRIM', key, 0, -held - 1) end
    in_parts('RPUSH', key, elements)
    if feed.count > LONGEST_LIST and keep > LONGEST_LIST then to_set(key) end
  end
  return feed
end

local function of_set(key, length)
  local feed = {count = length}
  local function element(id)
    return redis.call('ZRANGEBYLEX', key, '[' .. id, '[' .. id .. AFTER, 'LIMIT', 0, 1)[1]
  end
  function feed.find(id)
    local found = element(id)
    return found and stamp_of(found) or nil
  end
  function feed.renew(id, stamp)
    redis.call('ZREM', key, element(id))
    redis.call('ZADD', key, 0, id .. pack_stamp(stamp))
  end
  function feed.insert(fresh)
    local scored = {}
    for _, put in ipairs(fresh) do
      scored[#scored + 1] = 0
      scored[#scored + 1] = put.id .. pack_stamp(put.stamp)
    end
    in_parts('ZADD', key, scored)
    feed.count = feed.count + #fresh
  end
  function feed.delete(id)
    redis.call('ZREM', key, element(id))
    feed.count = feed.count - 1
  end
  function feed.save() end
  return feed
end

-- Whether and how a put may come in: its payload, or false.
local function admitted(put, owner, floors)
  if is_cut(floors, put.id, put.stamp, now) then return false end
  if not has_notes then return true, put.payload end
  local removed, updated, payload = note_of(put.note, owner)
  if removed >= put.stamp then return false end
  if updated >= put.stamp and put.payload then return true, payload end
  return true, put.payload
end

-- The payloads of an inline feed: 8 bytes for the stamp of an update, 0 for none, and what was serialized.
local function updated_at(payloads, id)
  local found = redis.call('HGET', payloads, id)
  return found and stamp_at(found, 1) or 0
end

local NEVER = pack_stamp(0)

local function put_all(feed, owner, payloads, floors, skipped)
  local fresh = {}
  for number = skipped + 1, #puts do
    local put = puts[number]
    local may, payload = admitted(put, owner, floors)
    if may then
      local known = feed.find(put.id)
      if not known then
        fresh[#fresh + 1] = put
        if payloads then redis.call('HSET', payloads, put.id, NEVER .. payload) end
      elseif known < put.stamp then
        if payloads and updated_at(payloads, put.id) <= put.stamp then
          redis.call('HSET', payloads, put.id, NEVER .. payload)
        end
        feed.renew(put.id, put.stamp)
      end
    end
  end
  if #fresh > 0 then feed.insert(fresh) end
  return fresh
end

local function remove_all(feed, owner, payloads)
  local gone = {}
  for _, removal in ipairs(removes) do
    note_removal(removal.note, owner, removal.stamp, ttl)
    local known = feed.find(removal.id)
    if known and known <= removal.stamp then
      feed.delete(removal.id)
      if payloads then redis.call('HDEL', payloads, removal.id) end
      gone[#gone + 1] = removal.id
    end
  end
  return gone
end

local function update_all(feed, owner, payloads)
  for _, update in ipairs(payloads and updates or {}) do
    local known = feed.find(update.id)
    if known then
      local stamp, payload = update.stamp, update.payload
      local _, everywhere, newest = note_of(update.note, owner)
      if everywhere >= stamp then stamp, payload = everywhere, newest end
      if stamp > known and stamp > updated_at(payloads, update.id) then
        redis.call('HSET', payloads, update.id, pack_stamp(stamp) .. payload)
      end
    end
  end
end

-- How many puts are older than all that a full feed keeps.
local function too_old(key, kind)
  local oldest, number = id_of(range(key, kind, 0, 0)[1]), 0
  while puts[number + 1] and before(puts[number + 1].id, oldest) do number = number + 1 end
  return number
end

-- Everything for one feed. Returns the ids that are new and that are gone.
local function write(key, payloads)
  local owner = key:sub(before_owner + 1, -after_owner - 1)
  local kind, length = measure(key)
  if payloads then redis.call('HLEN', payloads) end  -- fails now where it is of another type
  if length > keep then
    -- What readers do not see must not come back when something else is removed.
    pop_oldest(key, kind, payloads, length - keep)
    length = keep
  end
  local skipped = 0
  if keep == 0 then skipped = #puts elseif length == keep then skipped = too_old(key, kind) end
  local lowest = oldest_id
  if skipped > 0 then
    if skipped == #puts and #removes == 0 and #updates == 0 then return {}, {} end
    lowest = #removes + #updates == 0 and puts[skipped + 1].id or oldest_id
  end
  local feed = kind == 'zset' and of_set(key, length) or of_list(key, length, lowest)
  local floors = has_floors and floors_of(KEYS[1], owner) or {}
  local fresh = put_all(feed, owner, payloads, floors, skipped)
  local gone = remove_all(feed, owner, payloads)
  update_all(feed, owner, payloads)
  feed.save()
  local oldest
  if feed.count > keep then
    kind = type_of(key)
    pop_oldest(key, kind, payloads, feed.count - keep)
    oldest = id_of(range(key, kind, 0, 0)[1])
  end
  local is_gone, is_fresh, added, removed = {}, {}, {}, {}
  for _, id in ipairs(gone) do is_gone[id] = true end
  for _, put in ipairs(fresh) do
    is_fresh[put.id] = true
    if not is_gone[put.id] and not (oldest and before(put.id, oldest)) then added[#added + 1] = put.id end
  end
  for _, id in ipairs(gone) do
    if not is_fresh[id] then removed[#removed + 1] = id end
  end
  return added, removed
end

local added_total, removed_total, failures, changes = 0, 0, {}, {}

local function failed(index, failure)
  failures[#failures + 1] = index
  failures[#failures + 1] = words(failure)
end

local function write_slowly(index, key, payloads)
  local worked, added, removed = pcall(write, key, payloads)
  if not worked then return failed(index, added) end
  added_total, removed_total = added_total + #added, removed_total + #removed
  if report and #added + #removed > 0 then
    changes[#changes + 1] = index
    changes[#changes + 1] = table.concat(added)
    changes[#changes + 1] = table.concat(removed)
  end
end

-- Fan-out's case: one entry that is newer than what the feeds have. Everything is at hand and nothing is a number that
-- Redis would have to turn into a text, which is what takes longest otherwise.
local function append_to_all(id, stamp, payload)
  local call, unpack_numbers, KEYS, full = redis.pcall, unpack_numbers, KEYS, keep + SLACK
  local pushed = element_of(id, stamp)
  local _, time, digest = unpack_numbers('>I2I6I8', id)
  for index = 1, feeds do
    local key = KEYS[first + index - 1]
    local newest, newer = call('LINDEX', key, '-1'), false
    if not newest then
      newer = true
    elseif #newest == SHORT then
      local its_time, its_digest = unpack_numbers('>I6I8', newest)
      newer = its_time < time or (its_time == time and its_digest < digest)
    elseif #newest == LONG then
      local high, its_time, its_digest = unpack_numbers('>I2I6I8', newest)
      newer = high == 0 and (its_time < time or (its_time == time and its_digest < digest))
    end
    local payloads = inline and KEYS[first + feeds + index - 1] or nil
    if not newer then
      write_slowly(index, key, payloads)
    else
      local stored = not inline or call('HSET', payloads, id, NEVER .. payload)
      local length = type(stored) == 'table' and stored or call('RPUSH', key, pushed)
      if type(length) == 'table' then
        failed(index, length)
      else
        added_total = added_total + 1
        if length > full then pop_oldest(key, 'list', payloads, length - keep) end
        if length > LONGEST_LIST and keep > LONGEST_LIST then to_set(key) end
      end
    end
  end
end

local one = #puts == 1 and #removes == 0 and #updates == 0 and puts[1]
if one and keep > 0 and not (has_notes or has_floors or report) and one.id:sub(1, 2) == '\0\0' then
  append_to_all(one.id, one.stamp, one.payload)
else
  for index = 1, feeds do
    write_slowly(index, KEYS[first + index - 1], inline and KEYS[first + feeds + index - 1] or nil)
  end
end
return {added_total, removed_total, failures, changes}
