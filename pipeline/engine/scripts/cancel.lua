-- cancel: stop a run, or whatever run of a subject lives, now. Its leases are revoked, so whatever its worker still
-- sends is refused.

local known = receipt()
if known then return cjson.encode({outcome = 'duplicate', run = known.run, reason = known.reason}) end
local id = ask.run or redis.call('HGET', key('subject', ask.subject), 'run')
local run = id and load(id)
local outcome = not run and 'gone' or has_ended(run) and 'ended' or 'cancelled'
if outcome == 'cancelled' then
  stop(run, 'cancelled', ask.why)
  save(run)
end
local reason = outcome ~= 'cancelled' and 'no run of it was live' or nil
remember(reason and 'ignored' or 'accepted', id or nil, reason)
return cjson.encode({outcome = outcome, run = id or nil, reason = reason, state = run and run.state or nil})
