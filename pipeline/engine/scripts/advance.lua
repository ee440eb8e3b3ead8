-- advance: the only write of a worker. Applies what it did, then claims what can be done next, in one round trip.
-- Without leases and operations it is the first claim. ARGV[2..] = payloads that operations point to.
-- A repeated call (the reply was lost) changes nothing and answers the same. The parameters come along if they are
-- not the ones that the worker has (`asked`).

local run = load(ask.run)
if not run then return {cjson.encode({status = 'gone'})} end

local function payload(op) return ARGV[op.payload] end

local function steps() return key('run', run.id, 'steps') end

local function checkpoints() return key('run', run.id, 'checkpoints') end

-- Kept by fingerprint: what is there already, or comes twice in this call, is not done again.
local once, seen = {step = true, decide = true}, {}

-- What an operation finds: its stage still under its claim, its own work already done, or somebody else's claim.
local function standing(op)
  local stage = run.stages[op.stage]
  if not stage then return 'stale' end
  local is_live = stage.claim == op.claim and stage.state == 'running'
  local was_settled = stage.settled == op.claim -- By this call's first sending: parked and claimed again, or done.
  if once[op.kind] then
    local is_known = seen[op.step] or redis.call('HEXISTS', steps(), op.step) == 1
    if is_known and (stage.claim == op.claim or was_settled) then return 'applied' end
    return is_live and 'live' or 'stale'
  end
  if was_settled or (op.kind == 'hand_back' and not is_live) then return 'applied' end
  return is_live and 'live' or 'stale'
end

local apply, kept = {}, {}

function apply.step(op) -- S1: the first result of a step is its only one
  write(run, 'HSETNX', steps(), op.step, payload(op))
  note(run, 'step.finished', {stage = op.stage, step = op.step, name = op.name, ms = op.ms, reference = op.reference})
end

function apply.decide(op)
  write(run, 'HSETNX', steps(), op.step, 'null')
  note(run, 'decision', {stage = op.stage, step = op.step, text = op.text})
end

function apply.done(op, stage) -- C1: the first checkpoint of a fingerprint is its only one
  local field = op.stage .. ' ' .. op.fingerprint
  if redis.call('HEXISTS', checkpoints(), field) == 0 then
    write(run, 'HSETNX', checkpoints(), field, payload(op))
    kept[#kept + 1] = op.stage
  end
  stage.fingerprint, stage.inputs, stage.error, stage.partial = op.fingerprint, op.inputs, nil, op.partial
  move_stage(run, op.stage, 'done', {fingerprint = op.fingerprint, partial = op.partial})
end

function apply.reuse(op, stage)
  if redis.call('HEXISTS', checkpoints(), op.stage .. ' ' .. op.fingerprint) == 0 then
    error('ONCEOVER_INVARIANT C1 run ' .. run.id .. ' has no checkpoint ' .. op.stage .. ' ' .. op.fingerprint)
  end
  stage.fingerprint, stage.inputs, stage.reused, stage.error = op.fingerprint, op.inputs, true, nil
  move_stage(run, op.stage, 'done', {fingerprint = op.fingerprint, reused = true})
end

function apply.skip(op, stage)
  stage.error = op.error
  move_stage(run, op.stage, 'skipped', {error = op.error})
end

function apply.failed(op, stage)
  stage.error = op.error
  move_stage(run, op.stage, 'failed', {error = op.error})
end

function apply.retry(op, stage)
  stage.failures = stage.failures + 1
  stage.again, stage.error = true, op.error
  stage.wake_ms, stage.waits_for, stage.parked_ms = NOW + op.delay_ms, 'retry', NOW
  move_stage(run, op.stage, 'parked', {waits_for = 'retry', error = op.error, delay_ms = op.delay_ms})
end

function apply.park(op, stage)
  stage.wake_ms, stage.signal, stage.wait_step = NOW + op.delay_ms, op.signal, op.step
  stage.waits_for, stage.parked_ms = op.waits_for, NOW
  move_stage(run, op.stage, 'parked', {waits_for = op.waits_for, signal = op.signal, delay_ms = op.delay_ms})
  if op.signal then hear_kept(run, op.stage, op.signal) end
end

function apply.hand_back(op)
  move_stage(run, op.stage, 'ready', {why = 'handed back'})
end

local function refuse(why, count)
  note(run, 'write.refused', {why = why, operations = count, leases = ask.leases})
  redis.call('HINCRBY', key('counters'), 'writes_refused', count)
end

-- 1. What does this session hold? A lease names the session that it was given to: one whose answer was lost holds too.
local hold, lost = {}, false
for _, role in ipairs(run.roles) do
  local lease = lease_of(run, role)
  if lease and lease.run == run.id and lease.owner == ask.owner and lease.session == ask.session then
    hold[role] = lease.token
  end
end
for role, token in pairs(ask.leases) do lost = lost or hold[role] ~= token end

if has_ended(run) then
  local late = 0
  for _, op in ipairs(ask.ops) do
    if standing(op) ~= 'applied' then late = late + 1 end
  end
  if late > 0 then
    refuse('the run is ' .. run.state, late)
    save(run)
  end
  return {cjson.encode({status = 'ended', state = run.state})}
end

-- 2. A write renews its leases, then its operations are applied, each under its own claim and token.
for role in pairs(hold) do renew(run, role) end
for _, op in ipairs(ask.ops) do
  local stage, found = run.stages[op.stage], standing(op)
  if found == 'live' and hold[run.role_of[op.stage]] == stage.token then
    if once[op.kind] then seen[op.step] = true else stage.settled = op.claim end
    apply[op.kind](op, stage)
  elseif found ~= 'applied' then
    refuse('stage ' .. op.stage .. ' is not under claim ' .. op.claim .. ' any more', 1)
  end
end
refresh(run)

-- 3. Claim what is ready for the roles of this worker.
-- A worker executes stages of its own version and of older ones: a run outlives an upgrade, and an old worker spoils no
-- run of the new version. One that says its inputs executes only what it would have asked for itself.
local mine, busy = {}, false
for _, role in ipairs(ask.roles) do mine[role] = true end
local function is_for_me(spec, stage)
  if stage.state ~= 'ready' or not mine[spec.role] then return false end
  if ask.versions and (ask.versions[spec.name] or 0) < spec.version then return false end
  return not ask.inputs or ask.inputs[spec.name] == stage.inputs
end
for spec, stage in each_stage(run) do
  if is_for_me(spec, stage) then
    hold[spec.role] = hold[spec.role] or acquire(run, spec.role)
    if hold[spec.role] then
      stage.claim, stage.token = stage.claim + 1, hold[spec.role]
      if stage.again then stage.attempt, stage.again = stage.attempt + 1, false end
      if not stage.started_ms then
        stage.started_ms = NOW
        stage.deadline_ms = NOW + spec.total_ms_max
        if not spec.closes then stage.deadline_ms = math.min(stage.deadline_ms, run.deadline_ms) end
      end
      move_stage(run, spec.name, 'running', {claim = stage.claim, token = stage.token, role = spec.role})
    else
      busy = true
    end
  end
end

-- 4. Let go of the roles that have nothing to do.
local running, holds = {}, {}
for spec, stage in each_stage(run) do
  if stage.state == 'running' and hold[spec.role] == stage.token then
    holds[spec.role] = stage.token
    local upstream = {}
    for _, need in ipairs(spec.needs) do
      local before = run.stages[need]
      upstream[need] = {
        state = before.state, fingerprint = before.fingerprint, attempt = before.attempt,
        generation = before.generation, error = before.error,
        ms = before.started_ms and before.ended_ms and before.ended_ms - before.started_ms or 0,
      }
    end
    running[#running + 1] = {
      stage = spec.name, generation = stage.generation, attempt = stage.attempt, claim = stage.claim,
      salt = stage.salt, fresh = stage.fresh, failures = stage.failures, upstream = upstream,
      elapsed_ms = NOW - stage.started_ms - (stage.waited_ms or 0), left_ms = stage.deadline_ms - NOW,
    }
  end
end
for role in pairs(hold) do
  if not holds[role] then release(run, role, 'released') end
end
save(run)

local status = 'held'
if has_ended(run) then status = 'ended' elseif #running == 0 then status = lost and 'fenced' or busy and 'busy' or 'idle' end
local answer = cjson.encode({
  status = status, state = run.state, leases = holds, running = running, asked = run.asked,
  ready = ready_roles(run), kept = kept,
})
local is_news = #running > 0 and run.asked ~= ask.asked
return {answer, is_news and redis.call('HGET', key('run', run.id), 'params') or false}
