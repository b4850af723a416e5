-- Id to begin after or nothing, how many, filters of subject, rule, model, replica
local rows = {}
local most = tonumber(ARGV[3])
each_session(ARGV[2], function(session)
  if session.runs and is(ARGV[4], session.terms.subject) and is(ARGV[5], session.terms.rule)
    and is(ARGV[6], session.model) and is(ARGV[7], session.replica) then
    rows[#rows + 1] = row(session)
  end
  return #rows == most
end)
return rows
