-- Grant's id, issue, terms, session's id, replica
local id, terms, session_id, replica = ARGV[2], cjson.decode(ARGV[4]), ARGV[5], ARGV[6]
if is_over('session', session_id) then
  return {'unknown'}
end
local cut = cut_off_answer(terms)
if cut then
  return cut
end
if find_session(session_id) then
  hold(session_id, terms, replica)
  return admitted('', terms)
end
local limited = refusal('', terms, {grant = true, session = true, reserve = 0})
if limited then
  return limited
end
add_grant(id, terms)
start_session(session_id, replica, ARGV[3], ARGV[4], id, true, 0)
return done(admitted('', terms))
