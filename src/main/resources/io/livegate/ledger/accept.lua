-- Grant's id, issue, terms, until when sessions may start, hash of its token
local id, hash = ARGV[2], ARGV[6]
if not is_over('grant', id) and redis.call('EXISTS', token_key(hash)) == 0 then
  put_grant(id, ARGV[3], ARGV[4], ARGV[5], hash)
end
return 1
