-- Session's id, model, Gemini tokens, milliseconds, use, whether its start is given back, whether a
-- direct token that it came with was not used
local id = ARGV[2]
end_it('session', id)
local session = find_session(id)
if not session then
  return 1
end
local terms = session.terms
charge(session, ARGV[3], ARGV[4], ARGV[5], ARGV[6])
for _, limit in ipairs(terms.limits) do
  if limit.kind == 'CONCURRENT_SESSIONS' then
    redis.call('ZREM', slots_key(limit), id)
  end
end
forget_session(id)
local give_back = ARGV[7] == '1' and session.day
if give_back then
  tally(session.day, terms, session.model, 'sessions', -1)
end
if give_back and session.opened then
  remove_grant(session.grant, terms, session.model, session.day)
elseif session.day and not session.opened and find_grant(session.grant) then
  if give_back then
    redis.call('HINCRBY', grant_key(session.grant), 'used', -1)
  end
  if give_back or ARGV[8] == '1' then
    reserve(session.grant, terms, session.day, session.released)
  end
end
return done(1)
