-- How many of a kind
local shares = {}
for _, kind in ipairs({'GRANTS_PER_DAY', 'USAGE_TOKENS_PER_DAY', 'SESSION_TIME_PER_DAY'}) do
  local found = redis.call('ZREVRANGE', shares_key(kind, today), 0, ARGV[2] - 1, 'WITHSCORES')
  for i = 1, #found, 2 do
    local used = tonumber(found[i + 1])
    used = kind == 'SESSION_TIME_PER_DAY' and math.floor(used / 1000) or used
    if used > 0 then
      shares[#shares + 1] = {kind, found[i], text(used)}
    end
  end
end
return shares
