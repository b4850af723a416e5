-- Subject
local _, till = cut_off('BLOCK', ARGV[2])
return till and {till} or {}
