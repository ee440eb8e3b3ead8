-- cancel: stop a run, or whatever run of a subject lives, now. Its leases are revoked, so whatever its worker still
-- sends is refused.

local known = receipt()
if known then return cjson.encode({outcome = 'duplicate', run = known.run, reason = known.reason}) end
local id, order = ask.run, nil
if not id then id, order = unpack(redis.call('HMGET', key('subject', ask.subject), 'run', 'order')) end
local run = id and load(id)
local outcome = not run and 'gone' or has_ended(run) and 'ended' or 'cancelled'
-- Deliveries come in any order: what was asked for after the end that this one tells of goes on.
local is_late = outcome == 'cancelled' and order and ask.order > 0 and tonumber(order) > ask.order
if is_late then outcome = 'late' end
if outcome == 'cancelled' then
  stop(run, 'cancelled', ask.why)
  save(run)
end
local reason = is_late and 'its run was asked for later' or outcome ~= 'cancelled' and 'no run of it was live' or nil
remember(reason and 'ignored' or 'accepted', id or nil, reason)
return cjson.encode({outcome = outcome, run = id or nil, reason = reason, state = run and run.state or nil})
