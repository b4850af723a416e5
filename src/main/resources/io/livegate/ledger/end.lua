-- Which (session, subject or rule), and its id or name
local which, name = ARGV[2], ARGV[3]
local running = 0

local function finish(session)
  redis.call('HSET', session_key(session.id), 'ended', 1)
  running = running + (session.runs and 1 or 0)
  signal = true
end

if which == 'session' then
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
