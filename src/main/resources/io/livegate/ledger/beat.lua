-- Replica, version of the cut-offs that it knows, a name for this store's data if it has none yet, and
-- of each session: id, model, Gemini tokens, milliseconds, use
local EPOCH = P .. 'epoch'
local replica, seen = ARGV[2], tonumber(ARGV[3])
redis.call('SET', EPOCH, ARGV[4], 'NX')

local known, unknown = {}, {}
for i = 5, #ARGV, 5 do
  local id = ARGV[i]
  local session = find_session(id)
  if session then
    hold(id, session.terms, replica)
    charge(session, ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4])
    known[#known + 1] = session
  elseif not is_over('session', id) then
    unknown[#unknown + 1] = id
  end
end

local budgets = {}

local function reached(limit)
  local key = limit.kind .. ' ' .. limit.key
  budgets[key] = budgets[key] or used(limit)
  return budgets[key] >= limit.max
end

local function reason(session)
  if session.ended then
    return session.ended, ''
  elseif blocked_until(session.terms) then
    return 'blocked', ''
  elseif is_logged_out(session.terms) then
    return 'logged-out', ''
  end
  for _, limit in ipairs(session.terms.limits) do
    if is_budget(limit) and reached(limit) then
      return 'limit', limit.name
    end
  end
end

-- After all is charged, since sessions share budgets.
local ends = {}
for _, session in ipairs(known) do
  local why, limit = reason(session)
  if why then
    ends[#ends + 1] = session.id
    ends[#ends + 1] = why
    ends[#ends + 1] = limit
  end
end

-- Sessions that nobody charged any more leave the indexes, some at a time.
for _, id in ipairs(redis.call('ZRANGEBYSCORE', LEASES, '-inf', text(now - AFTERLIFE), 'LIMIT', 0, 100)) do
  forget_session(id)
end

local version = tonumber(redis.call('GET', VERSION) or 0)
if seen > version then
  seen = 0
end
local cut_offs = {}
for _, field in ipairs(redis.call('ZRANGEBYSCORE', CUT_OFF_VERSIONS, after(seen), '+inf')) do
  cut_offs[#cut_offs + 1] = field
  cut_offs[#cut_offs + 1] = redis.call('HGET', CUT_OFFS, field)
end
return done({redis.call('GET', EPOCH), unknown, ends, cut_offs, version})
