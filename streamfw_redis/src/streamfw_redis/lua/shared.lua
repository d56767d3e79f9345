-- What all scripts share. Ids have 16 bytes, stamps are microseconds (numbers here, 8 bytes where they are stored).
-- Lua compares texts by the locale of the server, so ids are compared as numbers.

local unpack_numbers, pack_numbers = struct.unpack, struct.pack

-- Whether the id a is smaller than b.
local function before(a, b)
  local a1, a2, a3, a4 = unpack_numbers('>I4I4I4I4', a)
  local b1, b2, b3, b4 = unpack_numbers('>I4I4I4I4', b)
  if a1 ~= b1 then return a1 < b1 end
  if a2 ~= b2 then return a2 < b2 end
  if a3 ~= b3 then return a3 < b3 end
  return a4 < b4
end

local function pack_stamp(stamp)
  return pack_numbers('>I8', stamp)
end

local function stamp_at(text, position)
  return (unpack_numbers('>I8', text, position))
end

-- The text of an error that was raised: since Redis 7 it is a table.
-- What no feed can be blamed for is raised again: the client looks for the master, or waits, and sends all once more.
local function words(failure)
  local text = type(failure) == 'table' and failure.err or tostring(failure)
  if text:find('READONLY', 1, true) or text:find('NOREPLICAS', 1, true) then error(text, 0) end
  return text
end

-- Calls a command with many arguments, a thousand at a time.
local function in_parts(command, key, arguments)
  for first = 1, #arguments, 1000 do
    redis.call(command, key, unpack(arguments, first, math.min(first + 999, #arguments)))
  end
end
