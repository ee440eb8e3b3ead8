-- engine.lua: what every script shares. Redis runs a script alone, so a script is one atomic step of the engine.
--
-- Two habits keep it safe: a script decides first and writes last (`save`), so that one which stops with an error
-- leaves no half-changed run (a fencing token that nobody got, or a counter, may have moved); and every time is Redis's own, so that no worker's clock matters.
--
-- Given by store.py in front of this text: MOVES (the tables of lifecycle.py) and RECORD_VERSION.

local ask = cjson.decode(ARGV[1])
local clock = redis.call('TIME')
local NOW = clock[1] * 1000 + math.floor(clock[2] / 1000) + ask.clock_offset_ms

-- One concatenation each, no table: a script names dozens of keys.
local PREFIX = ask.prefix
local function key(a, b, c)
  if c then return PREFIX .. a .. ':' .. b .. ':' .. c end
  return b and PREFIX .. a .. ':' .. b or PREFIX .. a
end

local function has_ended(run) return MOVES.terminal_run[run.state] end

local function each_stage(run)
  local index = 0
  return function()
    index = index + 1
    local spec = run.graph[index]
    if spec then return spec, run.stages[spec.name] end
  end
end

-- Records ----------------------------------------------------------------------------------------------------------

local FIELDS = {'v', 'state', 'subject', 'graph', 'stages', 'seq', 'link', 'deadline_ms', 'asked', 'mirror', 'mirror_ms',
  'mirror_free', 'ended_ms', 'roles'}

-- Runs of one kind have the same graph, so a script that touches two of them reads it once. Nobody changes a graph.
local graphs = {}
local function read_graph(text)
  graphs[text] = graphs[text] or cjson.decode(text)
  return graphs[text]
end

-- A stage that had not ended when its run was stopped is cancelled with it. No record says so: of the runs of a storm of
-- pushes nobody ever looks at the stages.
local function cancel_rest(run)
  for _, stage in pairs(run.stages) do
    if not MOVES.terminal_stage[stage.state] then stage.state, stage.ended_ms = 'cancelled', run.ended_ms end
  end
end

-- The parts of a run that cost more to read than all the rest are read when they are asked for.
local parts = {}

function parts.graph(run) return read_graph(run.graph_text) end

function parts.stages(run)
  run.stages = cjson.decode(run.stages_text)
  if MOVES.stopped_run[run.state] then cancel_rest(run) end
  return run.stages
end

function parts.roles(run)
  local roles = {}
  if run.roles_text then
    for role in run.roles_text:gmatch('%S+') do roles[#roles + 1] = role end
    return roles
  end
  local known = {} -- A run of before they were stored beside the graph.
  for _, spec in ipairs(run.graph) do
    if not known[spec.role] then known[spec.role], roles[#roles + 1] = true, spec.role end
  end
  return roles
end

function parts.role_of(run)
  local role_of = {}
  for _, spec in ipairs(run.graph) do role_of[spec.name] = spec.role end
  return role_of
end

local RUN = {__index = function(run, name)
  if not parts[name] then return nil end
  local part = parts[name](run)
  rawset(run, name, part)
  return part
end}

local function load(id)
  local place = key('run', id)
  local raw = redis.call('HMGET', place, unpack(FIELDS))
  if not raw[1] then return nil end
  if raw[1] ~= RECORD_VERSION then error('ONCEOVER_RECORD_VERSION run ' .. id .. ' is of version ' .. raw[1]) end
  local seq = tonumber(raw[6])
  return setmetatable({
    id = id, state = raw[2], subject = raw[3], graph_text = raw[4], stages_text = raw[5], seq = seq, seq_loaded = seq,
    link = raw[7], deadline_ms = tonumber(raw[8]), asked = tonumber(raw[9]), mirror = raw[10],
    mirror_ms = tonumber(raw[11] or 0), mirror_free = raw[12], ended_ms = raw[13] and tonumber(raw[13]),
    roles_text = raw[14], leases = {}, writes = {}, key = place, journal = key('run', id, 'journal'),
  }, RUN)
end

local function write(run, ...) run.writes[#run.writes + 1] = {...} end

-- Journal: the hash of each entry covers the one before it. SHA-1 is what Redis offers inside a script (ADR 0005).
local function note(run, kind, detail)
  local entry = detail or {}
  run.seq = run.seq + 1
  entry.seq, entry.at, entry.kind, entry.by = run.seq, NOW, kind, ask.by
  local text = cjson.encode(entry)
  run.link = redis.sha1hex(run.link .. text)
  write(run, 'XADD', run.journal, run.seq .. '-0', 'entry', text, 'link', run.link)
end

-- The one setter for each table ------------------------------------------------------------------------------------

local function move_run(run, to, why)
  if run.state == to then return end
  if not (MOVES.run[run.state] or {})[to] then
    error('ONCEOVER_ILLEGAL_MOVE run ' .. run.id .. ' from ' .. run.state .. ' to ' .. to)
  end
  note(run, 'run.' .. to, {from = run.state, why = why})
  if MOVES.terminal_run[to] then
    run.ended_ms = NOW
    write(run, 'ZADD', key('expiry'), NOW + ask.retention_ms, run.id)
  elseif has_ended(run) then
    run.ended_ms = nil
    write(run, 'HDEL', run.key, 'ended_ms')
    write(run, 'ZREM', key('expiry'), run.id)
  end
  run.state = to
end

local function move_stage(run, name, to, detail)
  local stage = run.stages[name]
  if not (MOVES.stage[stage.state] or {})[to] then
    error('ONCEOVER_ILLEGAL_MOVE stage ' .. name .. ' of run ' .. run.id .. ' from ' .. stage.state .. ' to ' .. to)
  end
  local entry = detail or {}
  entry.stage, entry.from, entry.generation, entry.attempt = name, stage.state, stage.generation, stage.attempt
  note(run, 'stage.' .. to, entry)
  stage.state = to
  if to == 'ready' then stage.ready_ms = NOW end
  if MOVES.terminal_stage[to] then stage.ended_ms = NOW end
end

-- Leases: L1, at most one live token for a subject and role --------------------------------------------------------

local function lease_of(run, role)
  local lease = run.leases[role]
  if lease == nil then
    local raw = redis.call('HMGET', key('lease', role, run.subject), 'token', 'owner', 'session', 'run', 'expires_ms')
    lease = raw[1] and {
      token = tonumber(raw[1]), owner = raw[2], session = raw[3], run = raw[4], expires_ms = tonumber(raw[5]),
    } or false
    run.leases[role] = lease
  end
  return lease
end

local function is_live(lease) return lease and lease.expires_ms > NOW end

local function renew(run, role)
  local lease = lease_of(run, role)
  lease.expires_ms = NOW + ask.lease_ms
  write(run, 'HSET', key('lease', role, run.subject), 'expires_ms', lease.expires_ms)
end

-- Whoever holds something can be found dead, from its first lease on.
local function give_lease(run, role, token)
  local expires_ms = NOW + ask.lease_ms
  run.leases[role] = {token = token, owner = ask.owner, session = ask.session, run = run.id, expires_ms = expires_ms}
  write(run, 'HSET', key('lease', role, run.subject),
    'token', token, 'owner', ask.owner, 'session', ask.session, 'run', run.id, 'expires_ms', expires_ms)
  write(run, 'SADD', key('held', ask.owner), role .. ' ' .. run.id)
  write(run, 'ZADD', key('owners'), NOW, ask.owner)
  note(run, 'lease.acquired', {role = role, token = token})
end

local function release(run, role, why)
  local lease = lease_of(run, role)
  if not lease then return end
  local whose = lease.owner ~= ask.owner and lease.owner or nil
  note(run, 'lease.' .. why, {role = role, token = lease.token, owner = whose})
  write(run, 'DEL', key('lease', role, run.subject))
  write(run, 'SREM', key('held', lease.owner), role .. ' ' .. lease.run)
  run.leases[role] = false
end

-- Stages RUNNING without a live lease were left by a dead or frozen worker.
local function interrupt(run, role)
  for spec, stage in each_stage(run) do
    if spec.role == role and stage.state == 'running' then
      stage.interrupted = stage.interrupted + 1
      stage.again = true
      if stage.interrupted > spec.interrupted_max then
        stage.error = {code = 'interrupted', helps = 'a person',
          message = 'Stage ' .. spec.name .. ' was interrupted ' .. stage.interrupted .. ' times, its worker died'
            .. ' or froze; the limit is ' .. spec.interrupted_max .. '.'}
        move_stage(run, spec.name, 'failed', {error = stage.error})
      else
        move_stage(run, spec.name, 'ready', {why = 'interrupted', token = stage.token})
      end
    end
  end
end

local function drop_dead_lease(run, role)
  local lease = lease_of(run, role)
  if lease and lease.run == run.id and not is_live(lease) then release(run, role, 'expired') end
  lease = lease_of(run, role)
  if not lease or lease.run ~= run.id then interrupt(run, role) end
end

local function acquire(run, role)
  local lease = lease_of(run, role)
  if is_live(lease) and (lease.owner ~= ask.owner or lease.run ~= run.id) then return nil end
  if lease then
    release(run, role, is_live(lease) and 'taken' or 'expired')
    interrupt(run, role)
  end
  local token = redis.call('INCR', key('fence'))
  give_lease(run, role, token)
  return token
end

-- What time alone brings about -------------------------------------------------------------------------------------

-- The end of a wait is stored as the result of the step that waits: a crash right after cannot lose the signal.
local function wake(run, name, by, payload)
  local stage = run.stages[name]
  if stage.wait_step then
    write(run, 'HSETNX', key('run', run.id, 'steps'), stage.wait_step,
      '{"by":"' .. by .. '","payload":' .. (payload or 'null') .. '}')
    note(run, 'wait.ended', {stage = name, step = stage.wait_step, woken_by = by})
  end
  if stage.waits_for ~= 'retry' then stage.waited_ms = (stage.waited_ms or 0) + NOW - stage.parked_ms end
  stage.wake_ms, stage.signal, stage.wait_step, stage.waits_for, stage.parked_ms = nil, nil, nil, nil, nil
  move_stage(run, name, 'ready', {why = by})
end

-- A signal is kept with the number of its journal entry, the newest of each name. A stage hears it once, also one that
-- waits later; one that was opened again does not hear what was said before.
local function hear(run, name, signal, number, payload)
  local stage = run.stages[name]
  stage.heard = stage.heard or {}
  stage.heard[signal] = number
  wake(run, name, 'signal', payload)
end

local function hear_kept(run, name, signal)
  local kept = redis.call('HGET', run.key, 'signal:' .. signal)
  if not kept then return end
  local number, payload = kept:match('^(%d+) (.*)$')
  local stage = run.stages[name]
  local deaf_until = math.max((stage.heard or {})[signal] or 0, stage.opened_seq or 0)
  if tonumber(number) > deaf_until then hear(run, name, signal, tonumber(number), payload) end
end

local function fail_at_deadline(run, name, whose, limit_ms)
  run.stages[name].error = {code = 'deadline', helps = 'a person',
    message = 'Stage ' .. name .. ' of run ' .. run.id .. ' was not done when the ' .. whose .. ' deadline passed.'}
  move_stage(run, name, 'failed', {error = run.stages[name].error, deadline_ms = limit_ms})
end

local function pass_time(run)
  for spec, stage in each_stage(run) do
    local movable = stage.state == 'pending' or stage.state == 'ready' or stage.state == 'parked'
    if movable and not spec.closes and run.deadline_ms <= NOW then -- First: a stage's own deadline is cut to it.
      fail_at_deadline(run, spec.name, "run's", run.deadline_ms)
    elseif movable and stage.deadline_ms and stage.deadline_ms <= NOW then
      fail_at_deadline(run, spec.name, "stage's", stage.deadline_ms)
    elseif stage.state == 'parked' and stage.wake_ms <= NOW then
      wake(run, spec.name, 'timer')
    elseif stage.state == 'running' and stage.deadline_ms + ask.overrun_ms <= NOW then
      fail_at_deadline(run, spec.name, "stage's", stage.deadline_ms) -- Its worker should have ended it, and did not.
    end
  end
end

local function promote(run)
  for spec, stage in each_stage(run) do
    if stage.state == 'pending' then
      local ready = true
      for _, need in ipairs(spec.needs) do
        ready = ready and MOVES.terminal_stage[run.stages[need].state]
      end
      if ready then move_stage(run, spec.name, 'ready') end
    end
  end
end

local function refresh(run)
  if has_ended(run) then return end
  for _, role in ipairs(run.roles) do drop_dead_lease(run, role) end
  pass_time(run)
  promote(run)
end

-- Open again: the named stages and all that depend on them ---------------------------------------------------------

-- `how` says for each named stage: 'resume' (a checkpoint of the same fingerprint still counts) or 'again' (it does not,
-- and steps that observe the world look again). `fresh` makes the fingerprints of all steps new as well.
local function reopen(run, how, fresh, why)
  local open = {}
  for spec, stage in each_stage(run) do -- the graph is in topological order
    local wanted = how[spec.name]
    for _, need in ipairs(spec.needs) do
      if open[need] then open[spec.name] = true end
    end
    if wanted then
      open[spec.name] = true
      if wanted == 'again' then stage.salt = stage.salt + 1 end
      if fresh then stage.fresh = stage.fresh + 1 end
    end
    if open[spec.name] then
      stage.generation = stage.generation + 1
      if stage.state ~= 'pending' then move_stage(run, spec.name, 'pending', {why = why}) end
      run.stages[spec.name] = {
        state = 'pending', generation = stage.generation, salt = stage.salt, fresh = stage.fresh, claim = stage.claim,
        inputs = stage.inputs, attempt = 0, failures = 0, interrupted = 0, again = true,
        heard = stage.heard, opened_seq = (wanted == 'again' or fresh) and run.seq or stage.opened_seq,
      }
    end
  end
  if has_ended(run) then move_run(run, 'queued', why) end
  run.deadline_ms = NOW + ask.run_ms_max
  run.asked, run.is_changed = run.asked + 1, true -- A stage that was pending already leaves no entry in the journal.
  promote(run)
end

-- The end of a run, and what comes of its stages -------------------------------------------------------------------

local function settle(run)
  if has_ended(run) then return end
  local seen, sink_failed, needed = {}, false, {}
  for spec, stage in each_stage(run) do
    seen[stage.state] = true
    for _, need in ipairs(spec.needs) do needed[need] = true end
  end
  for spec, stage in each_stage(run) do
    sink_failed = sink_failed or (stage.state == 'failed' and not needed[spec.name])
  end
  if seen.running then move_run(run, 'running')
  elseif seen.ready then move_run(run, 'queued')
  elseif seen.parked then move_run(run, 'waiting')
  else move_run(run, sink_failed and 'dead' or 'done') end
end

local function stop(run, to, why)
  for _, role in ipairs(run.roles) do
    local lease = lease_of(run, role)
    if lease and lease.run == run.id then release(run, role, 'revoked') end
  end
  move_run(run, to, why)
  if rawget(run, 'stages') then cancel_rest(run) end
end

-- R1 and W1 are structural: while a run lives, it stands in the due set of each role that has something to do,
-- scored by the moment at which somebody must look at it again.
local function due_ms(run, role)
  local due
  local function at(ms) if ms and (not due or ms < due) then due = ms end end
  for spec, stage in each_stage(run) do
    if spec.role == role and not MOVES.terminal_stage[stage.state] then
      if stage.state == 'ready' then at(stage.ready_ms) end
      if stage.state == 'running' then
        at((lease_of(run, role) or {expires_ms = NOW}).expires_ms)
        at(stage.deadline_ms + ask.overrun_ms)
      end
      if stage.state == 'parked' then at(stage.wake_ms); at(stage.deadline_ms) end
      if not spec.closes and stage.state ~= 'running' then at(run.deadline_ms) end
    end
  end
  return due
end

-- A run that is shown outside is due in the mirror of its role whenever its journal has grown; not before `mirror_ms`,
-- which paces the writes out there and keeps it with whoever is writing. The end is shown at once, unless somebody writes.
local function reflect(run)
  if not run.mirror or run.seq == run.seq_loaded then return end
  local is_last = has_ended(run) and run.mirror_free
  write(run, 'ZADD', key('mirror', run.mirror), is_last and NOW or math.max(NOW, run.mirror_ms), run.id)
end

local function commit(run)
  reflect(run)
  for _, command in ipairs(run.writes) do redis.call(unpack(command)) end
end

-- What only renews a lease writes neither journal nor record; stages that nobody looked at stand as they stood.
local function save(run)
  settle(run)
  for _, role in ipairs(run.roles) do
    local due = not has_ended(run) and due_ms(run, role)
    if due then write(run, 'ZADD', key('due', role), due, run.id) else write(run, 'ZREM', key('due', role), run.id) end
  end
  if run.seq ~= run.seq_loaded or run.is_changed then
    local fields = {'state', run.state, 'seq', run.seq, 'link', run.link, 'deadline_ms', run.deadline_ms, 'asked', run.asked}
    local function add(name, value) fields[#fields + 1], fields[#fields + 2] = name, value end
    if run.ended_ms then add('ended_ms', run.ended_ms) end
    if rawget(run, 'stages') then add('stages', cjson.encode(run.stages)) end
    write(run, 'HSET', run.key, unpack(fields))
  end
  commit(run)
end

-- Deliveries: what comes from outside under an id is done once, by the very script that does it.
local function receipt()
  local kept = ask.delivery and redis.call('GET', key('delivery', ask.delivery.id))
  return kept and cjson.decode(kept)
end

local function remember(outcome, run_id, reason)
  local delivery = ask.delivery
  if not delivery then return end
  local kept = cjson.encode({outcome = outcome, run = run_id, reason = reason, event = delivery.event, at_ms = NOW})
  redis.call('SET', key('delivery', delivery.id), kept, 'PX', delivery.keep_ms)
  redis.call('HINCRBY', key('counters'), 'deliveries_' .. outcome, 1)
end

local function ready_roles(run)
  local roles, seen = {}, {}
  for spec, stage in each_stage(run) do
    if stage.state == 'ready' and not seen[spec.role] then
      seen[spec.role] = true
      roles[#roles + 1] = spec.role
    end
  end
  return roles
end
