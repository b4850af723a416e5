-- First and last day since 1970, filters of subject, rule, model
local sums = {}
local last = math.min(today, tonumber(ARGV[3]))
for day = math.max(today - USAGE_DAYS + 1, tonumber(ARGV[2])), last do
  local fields = redis.call('HGETALL', P .. 'usage:' .. text(day))
  for i = 1, #fields, 2 do
    local what, name = string.match(fields[i], '(%S+) (.*)')
    local parts = cjson.decode(name)
    if is(ARGV[4], parts[1]) and is(ARGV[5], parts[2]) and is(ARGV[6], parts[3]) then
      sums[#sums + 1] = {day, name, what, tonumber(fields[i + 1])}
    end
  end
end
return sums
