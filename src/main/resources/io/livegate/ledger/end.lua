-- Which (session, superseded, subject or rule), and its id or name
local which, name = ARGV[2], ARGV[3]
local running = 0

local why = which == 'superseded' and which or 'terminated'

local function finish(session)
  redis.call('HSET', session_key(session.id), 'ended', why)
  running = running + (session.runs and 1 or 0)
  signal = true
end

if which == 'session' or which == 'superseded' then
  local session = find_session(name)
  if session then
    finish(session)
  end
else
  each_session('', function(session)
    if session.terms[which] == name then
      finish(session)
    end
  end)
end
return done(running)
