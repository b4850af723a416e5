-- Subject
local since = cut_off('BLOCK', ARGV[2])
if since then
  put_cut_off('BLOCK', ARGV[2], since, now)
  signal = true
end
return done(since and 1 or 0)
