-- cancel: stop a run now. Its leases are revoked, so whatever its worker still sends is refused.

local run = load(ask.run)
if not run then return cjson.encode({outcome = 'gone'}) end
if has_ended(run) then return cjson.encode({outcome = 'ended', state = run.state}) end

stop(run, 'cancelled', ask.why)
save(run)
return cjson.encode({outcome = 'cancelled', state = run.state})
