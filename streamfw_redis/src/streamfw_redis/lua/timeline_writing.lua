-- Writing to one timeline after the other. What is written is set once, before the first.

local keep, inline, now, ttl = 0, false, 0, 0
local puts, removes, updates = {}, {}, {}  -- puts ascend by id
local oldest_id                            -- of all that is written
local floors_key, has_floors, has_notes = nil, false, false

local NEVER = pack_stamp(0)

-- Makes the function that writes to one timeline, whatever is written. It is made when it is needed: making functions takes
-- longer than appending one entry.
local function writer()
  -- One feed as the operations below see it: entries that can be found, put in, renewed and taken out.

  -- A list is looked at from its end, as far as the oldest id that is written.
  local function of_list(key, length, oldest_id)
    local elements, held = {}, 0
    for _, window in ipairs({16, 128, length}) do
      held = math.min(window, length)
      elements = held > 0 and redis.call('LRANGE', key, -held, -1) or {}
      if held == length or not before(oldest_id, id_of(elements[1])) then break end
    end
    local changed, place, sought = false, 1, nil
    local feed = {count = length}
    -- Puts come in their order, so the next is not far. `put.place` is where it belongs.
    function feed.find(id, put)
      if put and sought then
        local high, low = unpack_numbers('>I8I8', id)
        while elements[place] do
          local its_high, its_low = numbers_of(elements[place])
          if its_high > high or (its_high == high and its_low > low) then break end
          if its_high == high and its_low == low and not before(id_of(elements[place]), id) then break end
          place = place + 1
        end
      else
        place = place_of(elements, id)
      end
      if put then put.place, sought = place, id end
      return elements[place] and id_of(elements[place]) == id and stamp_of(elements[place]) or nil
    end
    function feed.renew(id, stamp)
      elements[place_of(elements, id)] = element_of(id, stamp)
      changed = true
    end
    function feed.insert(fresh)
      local merged, at = {}, 1
      local size = 0
      for _, put in ipairs(fresh) do
        for index = at, put.place - 1 do
          size = size + 1
          merged[size] = elements[index]
        end
        at, size = put.place, size + 1
        merged[size] = put.element or element_of(put.id, put.stamp)
      end
      for index = at, #elements do
        size = size + 1
        merged[size] = elements[index]
      end
      elements, changed, sought = merged, true, nil
      feed.count = feed.count + #fresh
    end
    function feed.delete(id)
      table.remove(elements, (place_of(elements, id)))
      feed.count, changed, sought = feed.count - 1, true, nil
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
      return redis.call('ZRANGEBYLEX', key, '[' .. id, '[' .. id .. AFTER)[1]
    end
    function feed.find(id)
      local found = element(id)
      return found and stamp_of(found) or nil
    end
    function feed.renew(id, stamp)
      redis.call('ZREM', key, element(id))
      redis.call('ZADD', key, '0', id .. pack_stamp(stamp))
    end
    function feed.insert(fresh)
      local scored = {}
      for _, put in ipairs(fresh) do
        scored[#scored + 1] = '0'
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

  local function put_all(feed, owner, payloads, floors, skipped)
    local fresh = {}
    for number = skipped + 1, #puts do
      local put = puts[number]
      local may, payload = admitted(put, owner, floors)
      if may then
        local known = feed.find(put.id, put)
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
  return function(key, payloads, owner)
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
    local floors = has_floors and floors_of(floors_key, owner) or {}
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
    local kept = 1
    while oldest and fresh[kept] and before(fresh[kept].id, oldest) do kept = kept + 1 end
    local added, removed = {}, gone
    if #gone == 0 then
      for index = kept, #fresh do added[#added + 1] = fresh[index].id end
      return added, removed
    end
    -- What came and went in one write is neither new nor gone.
    local is_gone, is_fresh = {}, {}
    removed = {}
    for _, id in ipairs(gone) do is_gone[id] = true end
    for index, put in ipairs(fresh) do
      is_fresh[put.id] = true
      if index >= kept and not is_gone[put.id] then added[#added + 1] = put.id end
    end
    for _, id in ipairs(gone) do
      if not is_fresh[id] then removed[#removed + 1] = id end
    end
    return added, removed
  end
end
