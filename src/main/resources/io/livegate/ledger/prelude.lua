-- Stands before every script. KEYS[1] is what the name of every key begins with, and tells a cluster
-- where they are; ARGV[1] moves the clock, for tests. Times are milliseconds. Whether something has
-- expired is decided by the times that are kept; what PEXPIRE does only collects garbage.

local P = KEYS[1]
local MINUTE, HOUR, DAY = 60000, 3600000, 86400000
local LEASE = 15000 -- Ledger.LEASE_SECONDS
local AFTERLIFE = HOUR -- how long a session can still be charged after its lease ran out
local MEMORY = 2 * MINUTE -- how long what was cancelled or closed is known as such
local HANDLE_LIFE = 2 * HOUR -- ResumptionHandles.LIFE
local USAGE_DAYS = 31 -- UsageRow.DAYS

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000) + ARGV[1]
local today = math.floor(now / DAY)
local signal = false

-- Lua would write long numbers as 1e+14.
local function text(number)
  return string.format('%.0f', number)
end

local function after(time)
  return '(' .. text(time)
end

local kept = {}

-- Once in a script, since a beat comes by the same counts for many sessions.
local function keep(key, time)
  if not kept[key] then
    kept[key] = true
    redis.call('PEXPIRE', key, text(time))
  end
end

-- The last word of a script that changed something.
local function done(answer)
  if signal then
    redis.call('PUBLISH', P .. 'signals', '1')
  end
  return answer
end

-- --- What may no longer begin -----------------------------------------------------------------------

local function end_it(kind, id)
  redis.call('SET', P .. 'over:' .. kind .. ':' .. id, text(now + MEMORY), 'PX', MEMORY)
end

local function is_over(kind, id)
  local till = redis.call('GET', P .. 'over:' .. kind .. ':' .. id)
  return till and tonumber(till) > now
end

-- --- Who is cut off: a hash of "since until" by "kind key", and two indexes of it --------------------

local CUT_OFFS = P .. 'cut-offs'
local CUT_OFF_VERSIONS = P .. 'cut-offs:versions'
local CUT_OFF_ENDS = P .. 'cut-offs:ends'
local VERSION = P .. 'version'

local function find_cut_off(field)
  local value = redis.call('HGET', CUT_OFFS, field)
  if value then
    local since, till = string.match(value, '(%S+) (%S+)')
    return tonumber(since), tonumber(till)
  end
end

-- A block replaces the subject's last; logouts only ever reach further.
local function put_cut_off(kind, key, since, till)
  local field = kind .. ' ' .. key
  local last_since, last_till = find_cut_off(field)
  if last_since and kind ~= 'BLOCK' then
    since, till = math.max(since, last_since), math.max(till, last_till)
  end
  -- Versions grow even if the store loses its data.
  local version = math.max((redis.call('GET', VERSION) or 0) + 1, now)
  redis.call('SET', VERSION, text(version))
  redis.call('HSET', CUT_OFFS, field, text(since) .. ' ' .. text(till))
  redis.call('ZADD', CUT_OFF_VERSIONS, text(version), field)
  redis.call('ZADD', CUT_OFF_ENDS, text(till), field)
  local past = redis.call('ZRANGEBYSCORE', CUT_OFF_ENDS, '-inf', text(now - DAY), 'LIMIT', 0, 100)
  for _, old in ipairs(past) do
    redis.call('HDEL', CUT_OFFS, old)
    redis.call('ZREM', CUT_OFF_VERSIONS, old)
    redis.call('ZREM', CUT_OFF_ENDS, old)
  end
end

local seen_cut_offs = {}

-- Since and until, if it is in force.
local function cut_off(kind, key)
  local field = kind .. ' ' .. key
  local seen = seen_cut_offs[field]
  if not seen then
    local since, till = find_cut_off(field)
    seen = (till and till > now) and {since, till} or {}
    seen_cut_offs[field] = seen
  end
  return seen[1], seen[2]
end

-- The terms of a grant are what the scripts must know of it.
local function blocked_until(terms)
  local _, till = cut_off('BLOCK', terms.subject)
  return till
end

local function is_logged_out(terms)
  if terms.sid and cut_off('LOGOUT_SID', terms.tenant .. ':' .. terms.sid) then
    return true
  end
  local since = cut_off('LOGOUT_SUB', terms.tenant .. ':' .. terms.sub)
  return since and terms.issuedAt < since
end

-- --- What is counted under limits -------------------------------------------------------------------

local function minute_key(limit)
  return P .. 'minute:' .. limit.key
end

local function slots_key(limit)
  return P .. 'slots:' .. limit.key
end

local function day_key(limit, day)
  return P .. 'day:' .. text(day) .. ':' .. limit.kind .. ':' .. limit.key
end

-- The counts of a day's limits that many share by a value, so that the largest are found.
local function shares_key(kind, day)
  return P .. 'shares:' .. text(day) .. ':' .. kind
end

local function used(limit)
  if limit.kind == 'GRANTS_PER_MINUTE' then
    return redis.call('ZCOUNT', minute_key(limit), after(now - MINUTE), '+inf')
  elseif limit.kind == 'CONCURRENT_SESSIONS' then
    return redis.call('ZCOUNT', slots_key(limit), after(now), '+inf')
  end
  local count = tonumber(redis.call('GET', day_key(limit, today)) or 0)
  return limit.kind == 'SESSION_TIME_PER_DAY' and math.floor(count / 1000) or count
end

local function reset(limit, count)
  if limit.kind == 'GRANTS_PER_MINUTE' then
    local oldest = redis.call('ZRANGEBYSCORE', minute_key(limit), after(now - MINUTE), '+inf',
      'WITHSCORES', 'LIMIT', 0, 1)
    return oldest[2] and oldest[2] + MINUTE - now or 0
  elseif limit.kind == 'CONCURRENT_SESSIONS' then
    return count == 0 and 0 or LEASE
  end
  return (today + 1) * DAY - now
end

local function is_budget(limit)
  return limit.kind == 'USAGE_TOKENS_PER_DAY' or limit.kind == 'SESSION_TIME_PER_DAY'
end

-- Whether there is room for what comes next: a grant, a session, Gemini tokens to be booked. Budgets
-- refuse whatever comes once they are reached.
local function holds(limit, count, next)
  if limit.kind == 'CONCURRENT_SESSIONS' then
    return not next.session or count < limit.max
  elseif limit.kind == 'USAGE_TOKENS_PER_DAY' then
    return count + math.min(0, next.reserve) < limit.max and count + next.reserve <= limit.max
  elseif limit.kind == 'SESSION_TIME_PER_DAY' then
    return count < limit.max
  end
  return not next.grant or count < limit.max
end

-- The answer that names the first limit that does not hold.
local function refusal(issue, terms, next)
  for i, limit in ipairs(terms.limits) do
    local count = used(limit)
    if not holds(limit, count, next) then
      return {'limited', issue, i - 1, count, reset(limit, count)}
    end
  end
end

-- The use and the reset time of each limit, one after the other.
local function standings(answer, terms)
  for _, limit in ipairs(terms.limits) do
    local count = used(limit)
    answer[#answer + 1] = count
    answer[#answer + 1] = reset(limit, count)
  end
  return answer
end

local function admitted(issue, terms)
  return standings({'admitted', issue}, terms)
end

local function cut_off_answer(terms)
  local till = blocked_until(terms)
  if till then
    return {'blocked', till}
  elseif is_logged_out(terms) then
    return {'logged-out'}
  end
end

-- Adds to the counts of one kind; to each once, though two limits share it.
local function book(terms, kind, day, amount)
  if amount == 0 then
    return
  end
  local counts = {}
  local unit = kind == 'SESSION_TIME_PER_DAY' and 1000 or 1
  for _, limit in ipairs(terms.limits) do
    if limit.kind == kind then
      local key = day_key(limit, day)
      if not counts[key] then
        counts[key] = redis.call('INCRBY', key, text(amount))
        keep(key, 2 * DAY)
        if limit.shared then
          redis.call('ZADD', shares_key(kind, day), text(counts[key]), limit.key)
          keep(shares_key(kind, day), 2 * DAY)
        end
      end
      local max = limit.max * unit
      if is_budget(limit) and counts[key] - amount < max and counts[key] >= max then
        signal = true
      end
    end
  end
end

local rows = {}

-- What was used by day, as GET /admin/v1/usage shows it.
local function tally(day, terms, model, what, amount)
  if amount ~= 0 then
    local key = P .. 'usage:' .. text(day)
    local row = table.concat({terms.subject, terms.rule, model}, '\n')
    rows[row] = rows[row] or cjson.encode({terms.subject, terms.rule, model})
    redis.call('HINCRBY', key, what .. ' ' .. rows[row], text(amount))
    keep(key, (USAGE_DAYS + 1) * DAY)
  end
end

local function add_grant(id, terms)
  for _, limit in ipairs(terms.limits) do
    if limit.kind == 'GRANTS_PER_MINUTE' then
      local key = minute_key(limit)
      redis.call('ZREMRANGEBYSCORE', key, '-inf', text(now - MINUTE))
      redis.call('ZADD', key, text(now), id)
      keep(key, 2 * MINUTE)
    end
  end
  book(terms, 'GRANTS_PER_DAY', today, 1)
  tally(today, terms, terms.model, 'grants', 1)
end

local function remove_grant(id, terms, model, day)
  for _, limit in ipairs(terms.limits) do
    if limit.kind == 'GRANTS_PER_MINUTE' then
      redis.call('ZREM', minute_key(limit), id)
    end
  end
  book(terms, 'GRANTS_PER_DAY', day, -1)
  tally(day, terms, model, 'grants', -1)
end

-- --- Grants and their tokens ------------------------------------------------------------------------

local function grant_key(id)
  return P .. 'grant:' .. id
end

local function token_key(hash)
  return P .. 'token:' .. hash
end

local function find_grant(id)
  local values = redis.call('HMGET', grant_key(id), 'issue', 'terms', 'start', 'forget', 'day',
    'reserve', 'used', 'token')
  if values[1] and tonumber(values[4]) > now then
    return {
      id = id,
      issue = values[1],
      terms = cjson.decode(values[2]),
      json = values[2], -- the terms; decoded and encoded again, large numbers would not be the same
      start = tonumber(values[3]), -- until when sessions may start
      day = tonumber(values[5]), -- where it is counted; nil if it was only accepted
      reserve = tonumber(values[6] or 0),
      used = tonumber(values[7] or 0),
      token = values[8],
    }
  end
end

local function put_grant(id, issue, terms, start, hash)
  local key = grant_key(id)
  local forget = now + MEMORY
  redis.call('HSET', key, 'issue', issue, 'terms', terms, 'start', start)
  if hash ~= '' then
    forget = start + MEMORY
    redis.call('HSET', key, 'token', hash)
    redis.call('SET', token_key(hash), id, 'PX', text(math.max(1, forget - now)))
  end
  redis.call('HSET', key, 'forget', text(forget))
  keep(key, math.max(1, forget - now))
end

local function reserve(id, terms, day, tokens)
  if tokens ~= 0 then
    redis.call('HINCRBY', grant_key(id), 'reserve', text(tokens))
    book(terms, 'USAGE_TOKENS_PER_DAY', day, tokens)
    tally(day, terms, terms.model, 'estimated', tokens)
  end
end

-- --- Sessions: a hash for each, and two indexes -----------------------------------------------------

local SESSIONS = P .. 'sessions'
local LEASES = P .. 'leases'

local function session_key(id)
  return P .. 'session:' .. id
end

-- The session that resumed its conversation
local function heir_key(id)
  return P .. 'heir:' .. id
end

local function find_session(id)
  local values = redis.call('HMGET', session_key(id), 'issue', 'terms', 'replica', 'until', 'model',
    'started', 'total', 'millis', 'use', 'ended', 'grant', 'opened', 'day', 'released')
  local till = tonumber(values[4] or 0)
  if values[1] and till + AFTERLIFE > now then
    return {
      id = id,
      issue = values[1],
      terms = cjson.decode(values[2]),
      replica = values[3],
      runs = till > now,
      model = values[5],
      started = values[6],
      total = tonumber(values[7]),
      millis = tonumber(values[8]),
      use = values[9],
      ended = values[10],
      grant = values[11],
      opened = values[12] == '1', -- without a token
      day = tonumber(values[13]), -- where its start is counted; nil if it was restored
      released = tonumber(values[14] or 0), -- of its token's reserve
    }
  end
end

local function forget_session(id)
  redis.call('DEL', session_key(id))
  redis.call('ZREM', SESSIONS, id)
  redis.call('ZREM', LEASES, id)
end

local cleared = {}

-- Takes or renews the slot. A slot is counted until its lease runs out.
local function hold(id, terms, replica)
  local key = session_key(id)
  local till = text(now + LEASE)
  redis.call('HSET', key, 'replica', replica, 'until', till)
  keep(key, LEASE + AFTERLIFE)
  redis.call('ZADD', LEASES, till, id)
  for _, limit in ipairs(terms.limits) do
    if limit.kind == 'CONCURRENT_SESSIONS' then
      local slots = slots_key(limit)
      redis.call('ZADD', slots, till, id)
      if not cleared[slots] then
        cleared[slots] = true
        redis.call('ZREMRANGEBYSCORE', slots, '-inf', text(now))
      end
      keep(slots, LEASE + MINUTE)
    end
  end
end

-- A session whose hash is there; it is listed as long as that is.
local function add_session(id, terms, replica)
  redis.call('ZADD', SESSIONS, 0, id)
  hold(id, terms, replica)
end

local function start_session(id, replica, issue, json, grant, opened, released)
  local terms = cjson.decode(json)
  redis.call('HSET', session_key(id), 'issue', issue, 'terms', json, 'model',
    terms.model, 'started', text(now), 'total', 0, 'millis', 0, 'use', '', 'grant', grant, 'opened',
    opened and 1 or 0, 'day', text(today), 'released', text(released))
  add_session(id, terms, replica)
  tally(today, terms, terms.model, 'sessions', 1)
end

-- The model is not known before the session's setup, but it was counted by then.
local function move(session, model)
  if session.day then
    local whats = session.opened and {'sessions', 'grants'} or {'sessions'}
    for _, what in ipairs(whats) do
      tally(session.day, session.terms, session.model, what, -1)
      tally(session.day, session.terms, model, what, 1)
    end
  end
end

-- Charges what is new. Reports may come twice, or the later one first.
local function charge(session, model, total, millis, use)
  local tokens, time = total - session.total, millis - session.millis
  if tokens < 0 or time < 0 or (tokens == 0 and time == 0 and model == session.model) then
    return
  end
  if model ~= session.model then
    move(session, model)
    session.model = model
  end
  book(session.terms, 'USAGE_TOKENS_PER_DAY', today, tokens)
  book(session.terms, 'SESSION_TIME_PER_DAY', today, time)
  tally(today, session.terms, model, 'tokens', tokens)
  tally(today, session.terms, model, 'millis', time)
  redis.call('HSET', session_key(session.id), 'model', model, 'total', total, 'millis', millis, 'use',
    use)
end

-- Visits sessions in the order of their ids, until one visit answers true.
local function each_session(after_id, visit)
  while true do
    local from = after_id == '' and '-' or '(' .. after_id
    local ids = redis.call('ZRANGEBYLEX', SESSIONS, from, '+', 'LIMIT', 0, 200)
    for _, id in ipairs(ids) do
      local session = find_session(id)
      if session and visit(session) then
        return
      end
      after_id = id
    end
    if #ids < 200 then
      return
    end
  end
end

local function row(session)
  return {session.id, session.replica, session.issue, session.model, session.started, session.use}
end

-- Filters are empty, or the value after an equals sign.
local function is(filter, value)
  return filter == '' or filter == '=' .. value
end
