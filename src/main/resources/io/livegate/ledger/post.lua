-- Replica, notice
local NOTICES = P .. 'notices'
redis.call('HSET', NOTICES, ARGV[2], text(now + MINUTE) .. ' ' .. ARGV[3])
keep(NOTICES, 2 * MINUTE)
local notices = {}
local fields = redis.call('HGETALL', NOTICES)
for i = 1, #fields, 2 do
  local till, notice = string.match(fields[i + 1], '(%S+) (.*)')
  if tonumber(till) > now then
    notices[#notices + 1] = fields[i]
    notices[#notices + 1] = notice
  else
    redis.call('HDEL', NOTICES, fields[i])
  end
end
return notices
