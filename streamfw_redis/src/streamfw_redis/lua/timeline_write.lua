-- Writes to many timelines: the same puts, removals and updates to each.
--
-- KEYS: floors, the marker that there are notes, a note for each id that is written, the timelines, and beside each its payloads where the feed keeps them inline.
-- ARGV: keep, inline (0 or 1), report (0 or 1), now (microseconds), ttl (milliseconds),
--   how many bytes of a timeline's key stand before and after the owner,
--   how many puts, removals and updates there are; then of each put: the number of its note, id, stamp (and payload),
--   of each removal: note, id, stamp; of each update: note, id, stamp, payload. Puts ascend by id.
-- Returns: how many entries are new, how many are gone, failures (index of the timeline, words, ...),
--   changes (index of the timeline, ids added, ids removed, ...) when they are to be reported.

local report = ARGV[3] == '1'
keep, inline, now, ttl = tonumber(ARGV[1]), ARGV[2] == '1', tonumber(ARGV[4]), tonumber(ARGV[5])
local before_owner, after_owner = tonumber(ARGV[6]), tonumber(ARGV[7])

local cursor = 11
local function take(number, with_payload)
  local taken = {}
  for index = 1, number do
    taken[index] = {
      note = KEYS[2 + tonumber(ARGV[cursor])],
      id = ARGV[cursor + 1],
      stamp = tonumber(ARGV[cursor + 2]),
      payload = with_payload and ARGV[cursor + 3] or nil,
    }
    cursor = cursor + (with_payload and 4 or 3)
  end
  return taken
end
puts = take(tonumber(ARGV[8]), inline)
removes = take(tonumber(ARGV[9]), false)
updates = take(tonumber(ARGV[10]), inline)

-- The timelines follow the notes, of which there is one for each id.
local first, seen = 3, {}
for _, operations in ipairs({puts, removes, updates}) do
  for _, operation in ipairs(operations) do
    if not seen[operation.note] then
      seen[operation.note], first = true, first + 1
    end
    if not oldest_id or before(operation.id, oldest_id) then oldest_id = operation.id end
  end
end
local feeds = (#KEYS - first + 1) / (inline and 2 or 1)
floors_key = KEYS[1]
has_floors, has_notes = redis.call('EXISTS', floors_key) == 1, redis.call('EXISTS', KEYS[2]) == 1
if has_notes then has_notes = redis.call('EXISTS', unpack(KEYS, 3, first - 1)) > 0 end

local added_total, removed_total, failures, changes = 0, 0, {}, {}

local function failed(index, failure)
  failures[#failures + 1] = index
  failures[#failures + 1] = words(failure)
end

local write
local function write_slowly(index, key, payloads)
  write = write or writer()
  local worked, added, removed = pcall(write, key, payloads, key:sub(before_owner + 1, -after_owner - 1))
  if not worked then return failed(index, added) end
  added_total, removed_total = added_total + #added, removed_total + #removed
  if report and #added + #removed > 0 then
    changes[#changes + 1] = index
    changes[#changes + 1] = table.concat(added)
    changes[#changes + 1] = table.concat(removed)
  end
end

local function append_to_set(index, key, member)
  local added = redis.pcall('ZADD', key, '0', member)
  if type(added) == 'table' then return failed(index, added) end
  added_total = added_total + 1
  local length = redis.call('ZCARD', key)
  if length > keep + SLACK then pop_oldest(key, 'zset', nil, length - keep) end
end

-- Fan-out's case: one entry that is newer than what the feeds have. Everything is at hand and nothing is a number that
-- Redis would have to turn into a text, which is what takes longest otherwise.
local function append_to_all(id, stamp, payload)
  local call, unpack_numbers, KEYS, full = redis.pcall, unpack_numbers, KEYS, keep + SLACK
  local pushed, packed_stamp = element_of(id, stamp), pack_stamp(stamp)
  local _, time, digest = unpack_numbers('>I2I6I8', id)
  for index = 1, feeds do
    local key = KEYS[first + index - 1]
    local newest, newer, long = call('LINDEX', key, '-1'), false, false
    if type(newest) == 'table' and not inline then
      newest, long = call('ZRANGE', key, '-1', '-1')[1], true
    end
    if not newest then
      newer = not long
    elseif #newest == SHORT or #newest == MIDDLE then
      local its_time, its_digest = unpack_numbers('>I6I8', newest)
      newer = its_time < time or (its_time == time and its_digest < digest)
    elseif #newest == LONG then
      local high, its_time, its_digest = unpack_numbers('>I2I6I8', newest)
      newer = high == 0 and (its_time < time or (its_time == time and its_digest < digest))
    end
    local payloads = inline and KEYS[first + feeds + index - 1] or nil
    -- That some feed of the class was cut must not slow down all others.
    if newer and has_floors and call('HEXISTS', floors_key, key:sub(before_owner + 1, -after_owner - 1)) ~= 0 then
      newer = false
    end
    if not newer then
      write_slowly(index, key, payloads)
    elseif long then
      append_to_set(index, key, id .. packed_stamp)
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
if one and keep > 0 and not (has_notes or report) and one.id:sub(1, 2) == '\0\0' then
  append_to_all(one.id, one.stamp, one.payload)
else
  for index = 1, feeds do
    write_slowly(index, KEYS[first + index - 1], inline and KEYS[first + feeds + index - 1] or nil)
  end
end
if #removes > 0 then mark_notes(KEYS[2], ttl) end
return {added_total, removed_total, failures, changes}
