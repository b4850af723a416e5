-- Session's id
local session = find_session(ARGV[2])
return session and session.runs and {row(session)} or {}
