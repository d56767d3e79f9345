-- Puts entries of one timeline into another, newest first. Neither keeps payloads.
--
-- KEYS: the source, the target, floors and the marker of notes of the target's feed class. The notes are not among them, as they are found by what
--   the source holds: so this is for servers where all keys are in one place.
-- ARGV: keep of the source, keep of the target, the stamp of the copies, now (microseconds), ttl (milliseconds),
--   what the keys of notes begin with, the owner of the target, how many entries, and the largest id ('': any).
-- Returns how many entries are new, and the largest id to go on with ('': the source has no more).

local source, target = KEYS[1], KEYS[2]
local limit, upper = tonumber(ARGV[8]), ARGV[9]
local stamp = tonumber(ARGV[3])
keep, now, ttl, floors_key = tonumber(ARGV[2]), tonumber(ARGV[4]), tonumber(ARGV[5]), KEYS[3]
has_floors = redis.call('EXISTS', floors_key) == 1

local kind, length = measure(source)
local low, high = window(source, kind, length, tonumber(ARGV[1]), '', upper)
local elements = range(source, kind, math.max(low, high - limit), high - 1)
if #elements == 0 then return {0, ''} end

has_notes = redis.call('EXISTS', KEYS[4]) == 1
local packed_stamp, time = pack_stamp(stamp), stamp / 1000 - 16777
for index, element in ipairs(elements) do
  local id = id_of(element)
  local put = {id = id, stamp = stamp, note = has_notes and ARGV[6] .. hex(id)}
  -- What happened long before it is copied takes all bytes.
  if numbers_of(element) < time then put.element = id .. packed_stamp end
  puts[index] = put
end
oldest_id = puts[1].id
local added = writer()(target, nil, ARGV[7])

-- It goes on while the target has room, or holds what is older.
local older = range(source, kind, high - #elements - 1, high - #elements - 1)[1]
if high - #elements <= low or not older then return {#added, ''} end
local its_kind, its_length = measure(target)
if its_length >= keep and not before(id_of(range(target, its_kind, 0, 0)[1]), id_of(older)) then return {#added, ''} end
return {#added, id_of(older)}
