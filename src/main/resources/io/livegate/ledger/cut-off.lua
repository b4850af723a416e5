-- Kind, key, since, until
put_cut_off(ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]))
signal = true
return done(1)
