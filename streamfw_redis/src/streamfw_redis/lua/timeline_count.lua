-- How many entries of timelines are visible and within bounds.
--
-- KEYS: the timelines. ARGV: keep; then of each: lower and upper id ('': none).

local counts = {}
for number, key in ipairs(KEYS) do
  local kind, length = measure(key)
  local low, high = window(key, kind, length, tonumber(ARGV[1]), ARGV[2 * number], ARGV[2 * number + 1])
  counts[number] = high - low
end
return counts
