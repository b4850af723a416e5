-- Grant's id
local id = ARGV[2]
end_it('grant', id)
local grant = find_grant(id)
if grant then
  if grant.day then
    remove_grant(id, grant.terms, grant.terms.model, grant.day)
    reserve(id, grant.terms, grant.day, -grant.reserve)
  end
  if grant.token then
    redis.call('DEL', token_key(grant.token))
  end
  redis.call('DEL', grant_key(id))
end
return 1
