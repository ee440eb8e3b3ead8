-- signal: tell a run, or all runs of a topic, that something happened. Stages that wait for it go on; it is kept for those
-- that wait later. It is a wake-up, not a message: of several before a wait, the newest payload counts.
-- ARGV[2] = payload, JSON.

local function tell(id)
  local run = load(id)
  if not run then return 'gone', {} end
  if has_ended(run) then return 'ended', {} end
  note(run, 'signal.received', {signal = ask.signal})
  write(run, 'HSET', key('run', run.id), 'signal:' .. ask.signal, run.seq .. ' ' .. ARGV[2])
  local number, outcome = run.seq, 'latched'
  for spec, stage in each_stage(run) do
    if stage.state == 'parked' and stage.signal == ask.signal then
      hear(run, spec.name, ask.signal, number, ARGV[2])
      outcome = 'woken'
    end
  end
  save(run)
  return outcome, ready_roles(run)
end

if ask.run then
  local outcome, ready = tell(ask.run)
  return cjson.encode({outcome = outcome, ready = ready})
end

local known = receipt()
if known then return cjson.encode({outcome = 'duplicate', run = known.run, reason = known.reason}) end
local told, roles, first, trouble = 0, {}, nil, nil
for _, id in ipairs(redis.call('SMEMBERS', key('topic', ask.topic))) do
  local fine, outcome, ready = pcall(tell, id)
  if not fine then
    trouble = 'run ' .. id .. ': ' .. (type(outcome) == 'table' and outcome.err or tostring(outcome))
  elseif outcome == 'woken' or outcome == 'latched' then
    told, first = told + 1, first or id
    for _, role in ipairs(ready) do roles[role] = id end
  end
end
-- A damaged record does not keep the others from hearing; the delivery is not taken, so it can come again for that one.
if trouble then error(trouble) end
local reason = told == 0 and 'no live run waits for it' or nil
remember(told > 0 and 'accepted' or 'ignored', first, reason)
return cjson.encode({outcome = told > 0 and 'accepted' or 'ignored', run = first, reason = reason, wake = roles})
