-- Token's hash, session's id, replica
local session_id = ARGV[3]
local id = redis.call('GET', token_key(ARGV[2]))
local grant = id and find_grant(id)
if not grant or is_over('session', session_id) then
  return {'unknown'}
end
local terms = grant.terms
local cut = cut_off_answer(terms)
if cut then
  return cut
end
if find_session(session_id) then
  hold(session_id, terms, ARGV[4])
  return admitted(grant.issue, terms)
end
if now >= grant.start then
  return {'expired'}
end
if terms.uses > 0 and grant.used >= terms.uses then
  return {'spent'}
end
-- This use is measured now, so its estimate goes.
local released = grant.reserve > 0 and grant.day == today and terms.reserve or 0
local limited = refusal(grant.issue, terms, {session = true, reserve = -released})
if limited then
  return limited
end
redis.call('HINCRBY', grant_key(id), 'used', 1)
reserve(id, terms, today, -released)
start_session(session_id, ARGV[4], grant.issue, grant.json, id, false, released)
return done(admitted(grant.issue, terms))
