-- Groups as a reader gets them.

-- The rows that a reader gets, and the id of the oldest member.
local function view_of(order, group, packed, view)
  local held = (#packed - HEADER) / ROW
  local rows = packed:sub(math.max(HEADER, #packed - view * ROW) + 1)
  if group.older == 0 then return rows, packed:sub(HEADER + 1, HEADER + 16) end
  if held < view then
    -- The view was smaller when the group was last written.
    local prefix = prefix_of('m', group.key)
    local more = redis.call(
      'ZREVRANGEBYLEX', order, '[' .. prefix .. REST, '[' .. prefix, 'LIMIT', 0, math.min(view - held, group.older)
    )
    for _, element in ipairs(more) do rows = element:sub(-ROW) .. rows end
  end
  local oldest = older_rows(order, group.key, 1)[1] or malformed('members are missing', group.key)
  return rows, oldest:sub(1, 16)
end

-- The values at many keys or fields, a thousand at a time.
local function get_all(names, get)
  local found = {}
  for first = 1, #names, 1000 do
    local some = {unpack(names, first, math.min(first + 999, #names))}
    for _, value in ipairs(get(some)) do found[#found + 1] = value end
  end
  return found
end

-- Of each group: its key, header and the id of its oldest member, how many members are packed, and rows by ascending id; and what is stored of the activities
-- of all rows. `records`: what their keys begin with; '': none are wanted. `all`: groups that are not there are an error.
local function show(hash, order, payloads, keys, view, records, all)
  local shown, names = {}, {}
  for number, packed in ipairs(packed_of(hash, keys)) do
    local key = keys[number]
    if packed or all then
      local group = open_group(packed, key)
      local rows, first_id = view_of(order, group, packed, view)
      shown[#shown + 1] = key
      shown[#shown + 1] = packed:sub(1, HEADER) .. first_id
      shown[#shown + 1] = (#packed - HEADER) / ROW
      shown[#shown + 1] = rows
      if payloads then
        for at = 1, #rows, ROW do names[#names + 1] = rows:sub(at, at + 15) .. key end
      elseif records ~= '' then
        for at = 1, #rows, ROW do names[#names + 1] = records .. rows:sub(at, at + 15) end
      end
    end
  end
  local stored
  if payloads then
    stored = get_all(names, function(some) return redis.call('HMGET', payloads, unpack(some)) end)
  else
    stored = get_all(names, function(some) return redis.call('MGET', unpack(some)) end)
  end
  return {shown, stored}
end
