-- ignore: remember that a delivery was looked at and why nothing came of it.

local known = receipt()
if known then return cjson.encode({outcome = 'duplicate', run = known.run, reason = known.reason}) end
remember('ignored', nil, ask.why)
return cjson.encode({outcome = 'ignored', reason = ask.why})
