-- Session's id, model, Gemini tokens, milliseconds, use, whether its start is given back
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
if ARGV[7] == '1' and session.day then
  tally(session.day, terms, session.model, 'sessions', -1)
  if session.opened then
    remove_grant(session.grant, terms, session.model, session.day)
  elseif find_grant(session.grant) then
    redis.call('HINCRBY', grant_key(session.grant), 'used', -1)
    reserve(session.grant, terms, session.day, session.released)
  end
end
return done(1)
