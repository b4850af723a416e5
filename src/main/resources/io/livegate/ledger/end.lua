-- Which (session, superseded, subject or rule), its id or name, and of a superseded session the one
-- that resumes its conversation
local which, name, heir = ARGV[2], ARGV[3], ARGV[4]
local running = 0

local why = which == 'superseded' and which or 'terminated'

local function finish(session)
  redis.call('HSET', session_key(session.id), 'ended', why)
  running = running + (session.runs and 1 or 0)
  signal = true
end

local function finish_one(id)
  local session = find_session(id)
  if session then
    finish(session)
  end
end

if which == 'session' then
  finish_one(name)
elseif which == 'superseded' then
  -- Each of the line is led to the new heir at once, so that lines stay short.
  local one = name
  while one and one ~= heir do
    local next = redis.call('GET', heir_key(one))
    finish_one(one)
    redis.call('SET', heir_key(one), heir, 'PX', HANDLE_LIFE)
    one = next
  end
else
  each_session('', function(session)
    if session.terms[which] == name then
      finish(session)
    end
  end)
end
return done(running)
