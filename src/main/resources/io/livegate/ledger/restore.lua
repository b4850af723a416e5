-- How many sessions, and of each: id, replica, issue, terms, grant's id, model, when it started, Gemini
-- tokens, milliseconds, use; then of each cut-off: kind, key, since, until
local i = 3
for _ = 1, ARGV[2] do
  local id = ARGV[i]
  if not find_session(id) and not is_over('session', id) then
    redis.call('HSET', session_key(id), 'issue', ARGV[i + 2], 'terms', ARGV[i + 3], 'grant',
      ARGV[i + 4], 'model', ARGV[i + 5], 'started', ARGV[i + 6], 'total', ARGV[i + 7], 'millis',
      ARGV[i + 8], 'use', ARGV[i + 9])
    add_session(id, cjson.decode(ARGV[i + 3]), ARGV[i + 1])
  end
  i = i + 10
end
while i < #ARGV do
  local kind, key = ARGV[i], ARGV[i + 1]
  -- A block that stands there is newer.
  if kind ~= 'BLOCK' or not find_cut_off(kind .. ' ' .. key) then
    put_cut_off(kind, key, tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3]))
  end
  i = i + 4
end
return 1
