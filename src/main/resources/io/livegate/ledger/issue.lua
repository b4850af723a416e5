-- Grant's id, issue, terms, until when sessions may start, hash of its token or nothing, reserve
local id, issue, terms, start, hash = ARGV[2], ARGV[3], cjson.decode(ARGV[4]), ARGV[5], ARGV[6]
if is_over('grant', id) then
  return {'unknown'}
end
local cut = cut_off_answer(terms)
if cut then
  return cut
end
if find_grant(id) then
  return admitted('', terms)
end
local tokens = tonumber(ARGV[7])
local limited = refusal('', terms, {grant = true, reserve = tokens})
if limited then
  return limited
end
put_grant(id, issue, ARGV[4], start, hash)
redis.call('HSET', grant_key(id), 'day', text(today))
add_grant(id, terms)
reserve(id, terms, today, tokens)
return done(admitted('', terms))
