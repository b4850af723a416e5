-- Terms
return standings({}, cjson.decode(ARGV[2]))
