-- Cuts a grouped feed to its newest groups, and keeps out what was older than that.
--
-- KEYS: floors, the hash, the sorted set, and the payloads where the feed keeps them inline.
-- ARGV: owner, keep of the feed, keep of this operation, stamp, now (microseconds), ttl (milliseconds), how many members a
--   packed group has at most, the version of a feed that is new, what tells this write from all others, how many members may
--   be looked at, after which element of the order to begin, before which one to end ('': find out).
-- Returns: '' when it is done, else the element to go on after, and the one to end before.

local floors = KEYS[1]
local feed = {hash = KEYS[2], order = KEYS[3], payloads = KEYS[4], room = tonumber(ARGV[7])}
local owner, visible, keep, stamp = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local now, ttl = tonumber(ARGV[5]), tonumber(ARGV[6])
local start, tag, limit = tonumber(ARGV[8]), ARGV[9], tonumber(ARGV[10])
local from, to = ARGV[11], ARGV[12]

-- The id before an id that is not 0.
local function predecessor(id)
  local parts = {unpack_numbers('>I4I4I4I4', id)}
  local part = 4
  while parts[part] == 0 and part > 1 do
    parts[part] = MOST
    part = part - 1
  end
  parts[part] = parts[part] - 1
  return pack_numbers('>I4I4I4I4', parts[1], parts[2], parts[3], parts[4])
end

-- Takes out of a group what is not newer than the operation. Returns how many members were looked at.
local function cut_group(group, element)
  local rows, newer = {}, false
  for number = 1, #group.rows / ROW do rows[number] = row_at(group.rows, number) end
  if group.older > 0 then
    for _, row in ipairs(older_rows(feed.order, group.key, group.older)) do rows[#rows + 1] = row end
  end
  for _, row in ipairs(rows) do newer = newer or stamp_at(row, 17) > stamp end
  if not newer then
    drop_groups(feed, {element})
  else
    for _, row in ipairs(rows) do
      if stamp_at(row, 17) <= stamp then remove_member(feed, group, find_member(feed, group, row:sub(1, 16))) end
    end
  end
  return #rows, newer
end

local version = redis.call('HGET', feed.hash, 'v')
local number_of_groups = redis.call('ZLEXCOUNT', feed.order, '[g', '(h')
if feed.payloads then redis.call('HLEN', feed.payloads) end
-- Clearing a feed is the way to be rid of what is damaged.
if version and #version ~= 16 then version = false end
local version_after = next_version(version, start, tag)
if to == '' then
  if number_of_groups > visible then
    drop_groups(feed, redis.call('ZRANGE', feed.order, 0, number_of_groups - visible - 1))
    number_of_groups = visible
  end
  if keep == 0 then
    note_cut(floors, owner, ALL, stamp, now, ttl)
    to = 'h'
  elseif number_of_groups > keep then
    local oldest = redis.call('ZRANGE', feed.order, number_of_groups - keep, number_of_groups - keep)[1]
    key_in(oldest)
    note_cut(floors, owner, predecessor(oldest:sub(2, 17)), stamp, now, ttl)
    to = oldest:sub(1, 17)
  else
    return {'', ''}
  end
end

local changed, looked, done = {}, 0, ''
local elements = redis.call('ZRANGEBYLEX', feed.order, from == '' and '[g' or '(' .. from, '(' .. to, 'LIMIT', 0, limit)
for number, element in ipairs(elements) do
  local key = element:sub(18)
  local opened, group = pcall(load_group, redis.call('HGET', feed.hash, field_of(key)), key)
  if not opened then
    drop_groups(feed, {element})
  else
    local members, stays = cut_group(group, element)
    looked = looked + members
    if stays then changed[#changed + 1] = group end
  end
  if looked >= limit and number < #elements then
    done = element
    break
  end
end
if done == '' and #elements == limit then done = elements[#elements] end
if number_of_groups > 0 then save_groups(feed, changed, version_after) end
drop_if_empty(feed)
return done == '' and {'', ''} or {done, to}
