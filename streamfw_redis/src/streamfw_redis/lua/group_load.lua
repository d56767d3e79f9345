-- Groups by their keys.
--
-- KEYS: the hash, the sorted set, and the payloads where the feed keeps them inline.
-- ARGV: keep, view, what the keys of the activities begin with ('': none are wanted), and the keys of the groups.
-- Returns what `show` returns of those that are there.

local hash, order, payloads = KEYS[1], KEYS[2], KEYS[3]
local hidden, keys = visible_from(order, tonumber(ARGV[1])), {}
for number = 4, #ARGV do keys[number - 3] = ARGV[number] end
if hidden > 0 then
  -- The feed was longer once, and nobody has written to it since.
  local is_hidden, visible = {}, {}
  for _, key in ipairs(keys_between(order, 0, hidden - 1)) do is_hidden[key] = true end
  for _, key in ipairs(keys) do
    if not is_hidden[key] then visible[#visible + 1] = key end
  end
  keys = visible
end
return show(hash, order, payloads, keys, tonumber(ARGV[2]), ARGV[3])
