-- submit: accept a run, join the one that is there, or open it anew.
-- ARGV[2] = parameters, ARGV[3] = graph, ARGV[4] = stage records of a new run; all JSON.

local function supersede_others()
  local at = redis.call('HMGET', key('subject', ask.subject), 'run', 'order')
  local newest, order = at[1], tonumber(at[2] or 0)
  if newest and newest ~= ask.run and order > ask.order then return newest end
  if newest and newest ~= ask.run then
    local older = load(newest)
    if older and not has_ended(older) then
      stop(older, 'superseded', 'run ' .. ask.run .. ' has a newer head')
      save(older)
    end
  end
  -- A late redelivery of this head's first push does not make it older than it is.
  redis.call('HSET', key('subject', ask.subject), 'run', ask.run, 'order', math.max(order, ask.order))
  return nil
end

local function answer(run, outcome)
  return cjson.encode({outcome = outcome, state = run.state, ready = ready_roles(run), now_ms = NOW})
end

if ask.order == 0 then ask.order = NOW end
local run = load(ask.run)
local newer = supersede_others()

if not run then
  redis.call('HSET', key('run', ask.run), 'v', RECORD_VERSION, 'state', 'queued', 'subject', ask.subject,
    'revision', ask.revision, 'params', ARGV[2], 'graph', ARGV[3], 'stages', ARGV[4], 'seq', 0, 'link', '',
    'deadline_ms', NOW + ask.run_ms_max, 'created_ms', NOW, 'asked', 1)
  redis.call('ZADD', key('runs'), NOW, ask.run)
  run = load(ask.run)
  note(run, 'run.accepted', {subject = ask.subject, revision = ask.revision})
  if newer then stop(run, 'superseded', 'run ' .. newer .. ' has a newer head') end
  promote(run)
  save(run)
  return answer(run, newer and 'stale' or 'created')
end

if newer then return answer(run, 'stale') end

if redis.call('HGET', key('run', run.id), 'request') == ask.request then return answer(run, 'reopened') end

-- Same head again: open what failed, stopped, was partial, or reads parameters that are not the same.
local how, count = {}, 0
for spec, stage in each_stage(run) do
  local inputs = ask.inputs[spec.name] or stage.inputs -- A graph of another version may not have this stage.
  local changed = stage.inputs ~= inputs
  local unfinished = stage.state == 'failed' or stage.state == 'cancelled' or (stage.state == 'done' and stage.partial)
  if changed or ask.fresh or (unfinished and has_ended(run)) then
    how[spec.name] = stage.partial and 'again' or 'resume'
    count = count + 1
  end
  stage.inputs = inputs
end

if count == 0 then return answer(run, has_ended(run) and 'answered' or 'joined') end

write(run, 'HSET', key('run', run.id), 'params', ARGV[2], 'request', ask.request)
reopen(run, how, ask.fresh, 'asked for again')
save(run)
return answer(run, 'reopened')
