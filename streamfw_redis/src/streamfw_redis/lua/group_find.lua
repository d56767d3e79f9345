-- Which groups of a feed have members.
--
-- KEYS: the hash, the sorted set. ARGV: keep, ids. Returns beside each id the key of its group with `g` before it, or ''.

local hash, order = KEYS[1], KEYS[2]
local low, high = visible_from(order, tonumber(ARGV[1]))
local keys, found = keys_between(order, low, high - 1), {}
local all = packed_of(hash, keys)
for number = 2, #ARGV do
  local id = ARGV[number]
  found[number - 1] = ''
  for index, packed in ipairs(all) do
    local key = keys[index]
    local group = open_group(packed, key)
    if row_of(packed, id, HEADER) or (group.older > 0 and older_row(order, key, id)) then
      found[number - 1] = 'g' .. key
      break
    end
  end
end
return found
