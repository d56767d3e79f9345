-- The most usual page: the newest entries of one list, with their activities. It stands before everything else, as what is
-- defined below takes longer than this. What is not as usual goes on there.

if #KEYS == 1 and ARGV[2] == '0' and ARGV[3] ~= '' and ARGV[6] == '' and ARGV[7] == '' and ARGV[8] == '0'
  and ARGV[5] ~= '' and tonumber(ARGV[5]) <= tonumber(ARGV[1])
then
  local elements = redis.pcall('LRANGE', KEYS[1], '-' .. ARGV[5], ARGV[4] == '0' and '-1' or '-' .. (ARGV[4] + 1))
  local records, names = ARGV[3], {}
  local shorter = records .. '\0\0'
  for index = 1, #elements do
    local element = elements[index]
    local length = #element
    if length == 16 or length == 17 then
      names[index] = shorter .. element:sub(1, 14)
    elseif length == 24 then
      names[index] = records .. element:sub(1, 16)
    else
      break
    end
  end
  if not elements.err and #names == #elements and #names <= 1000 then
    return {{elements, #names > 0 and redis.call('MGET', unpack(names)) or {}}}
  end
end
