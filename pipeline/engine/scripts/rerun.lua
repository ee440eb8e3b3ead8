-- rerun: do the named stages again, and what depends on them; all else keeps its checkpoint.

-- A delivery may have been taken by another script: a command that found no run to open asked for one.
local known = receipt()
if known then return cjson.encode({outcome = known.outcome == 'accepted' and 'reopened' or 'nothing'}) end

local run = load(ask.run)
if not run then return cjson.encode({outcome = 'gone'}) end
-- At most one run of a subject lives, the one of its newest head: an older one would take turns with it for the lease.
local newest = redis.call('HGET', key('subject', run.subject), 'run')
if run.state == 'superseded' or (newest and newest ~= run.id) then
  return cjson.encode({outcome = 'superseded', state = run.state})
end
-- A request that was sent twice because its answer was lost opens nothing twice.
if redis.call('HGET', key('run', run.id), 'request') == ask.request .. ' reopened' then
  return cjson.encode({outcome = 'reopened', state = run.state, ready = ready_roles(run)})
end

local how, count = {}, 0
for spec, stage in each_stage(run) do
  local failed = stage.state == 'failed' or stage.state == 'cancelled' or stage.partial
  if ask.stages == 'all' or (ask.stages == 'failed' and failed) or type(ask.stages) == 'table' and ask.stages[spec.name] then
    how[spec.name] = 'again'
    count = count + 1
  elseif has_ended(run) and stage.state == 'cancelled' then
    how[spec.name] = 'resume' -- An ended run cannot be opened half.
  end
end
if count == 0 then return cjson.encode({outcome = 'nothing', state = run.state}) end

write(run, 'HSET', key('run', run.id), 'request', ask.request .. ' reopened')
reopen(run, how, ask.fresh, ask.why)
save(run)
remember('accepted', run.id)
return cjson.encode({outcome = 'reopened', state = run.state, ready = ready_roles(run)})
