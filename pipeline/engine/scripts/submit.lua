-- submit: accept a run, join the one that is there, or open it anew.
-- ARGV[2] = parameters, ARGV[3] = graph, ARGV[4] = stage records of a new run, ARGV[5] = how a run of this graph begins;
-- all JSON. Texts that the common cases (a new head, the same head once more) have no need to read are not read.

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

-- A run that nobody has asked for yet stands as `promote` and `save` would leave it, which is the same for all runs of a
-- graph: graph.py has written it, but for the time.
local function begin(newer)
  local place, opening = key('run', ask.run), cjson.decode(ARGV[5])
  local run = setmetatable({
    id = ask.run, key = place, journal = key('run', ask.run, 'journal'), state = 'queued', subject = ask.subject,
    graph_text = ARGV[3], roles = opening.roles, seq = 0, seq_loaded = 0, link = '', deadline_ms = NOW + ask.run_ms_max,
    asked = 1, mirror = ask.mirror, mirror_ms = 0, leases = {}, writes = {},
  }, RUN)
  note(run, 'run.accepted', {subject = ask.subject, revision = ask.revision})
  if newer then
    stop(run, 'superseded', 'run ' .. newer .. ' has a newer head')
  else
    for _, name in ipairs(opening.ready) do
      note(run, 'stage.ready', {stage = name, from = 'pending', generation = 1, attempt = 0})
    end
    for role, what in pairs(opening.due) do
      write(run, 'ZADD', key('due', role), what == 'now' and NOW or run.deadline_ms, run.id)
    end
  end
  local fields = {'v', RECORD_VERSION, 'subject', ask.subject, 'revision', ask.revision, 'params', ARGV[2],
    'graph', ARGV[3], 'roles', table.concat(opening.roles, ' '), 'created_ms', NOW, 'asked', 1,
    'request', ask.request .. ' ' .. (newer and 'stale' or 'created'), 'deadline_ms', run.deadline_ms,
    'stages', (ARGV[4]:gsub('"ready_ms":0', '"ready_ms":' .. NOW)), 'state', run.state, 'seq', run.seq, 'link', run.link}
  local function add(name, value) fields[#fields + 1], fields[#fields + 2] = name, value end
  if run.ended_ms then add('ended_ms', run.ended_ms) end
  if ask.mirror then add('mirror', ask.mirror) end
  if ask.topics then add('topics', cjson.encode(ask.topics)) end
  write(run, 'HSET', place, unpack(fields))
  write(run, 'ZADD', key('runs'), NOW, run.id)
  for _, topic in ipairs(ask.topics or {}) do write(run, 'SADD', key('topic', topic), run.id) end
  commit(run)
  return run, newer and {} or opening.now
end

-- Roles to ring for: whoever hears a bell takes all runs that are due, so one that rang and was not heard is enough.
local function unrung_roles(run, ready)
  local roles, asked = {}, ready
  if run.mirror and run.seq ~= run.seq_loaded then asked[#asked + 1] = run.mirror end
  for _, role in ipairs(asked) do
    local rung_ms = tonumber(redis.call('HGET', key('bells'), role) or 0)
    if rung_ms + ask.grace_ms <= NOW then
      redis.call('HSET', key('bells'), role, NOW)
      roles[#roles + 1] = role
    end
  end
  return roles
end

local function tell(run, outcome, wake)
  return cjson.encode({outcome = outcome, state = run.state, ready = wake, now_ms = NOW})
end

local function answer(run, outcome, ready)
  remember('accepted', run.id)
  return tell(run, outcome, unrung_roles(run, ready or ready_roles(run)))
end

local version, state, params, graph, asked =
  unpack(redis.call('HMGET', key('run', ask.run), 'v', 'state', 'params', 'graph', 'request'))

-- A request that was sent twice because its answer was lost does nothing twice, and is no second delivery.
local request, outcome = (asked or ''):match('^(%x+) (%a+)$')
if request == ask.request then -- Nobody was woken: the roles came with the answer.
  local run = load(ask.run)
  return tell(run, outcome, ready_roles(run))
end

local known = receipt()
if known then return cjson.encode({outcome = 'duplicate', run = known.run, reason = known.reason, now_ms = NOW}) end

-- The common case in a storm of events: the same head once more, alive, and nothing else is asked of it. Nothing is
-- decoded, nobody is woken: whoever was, looks at all that is due.
local function join_unchanged()
  if ask.fresh or ask.again or ask.order == 0 then return nil end
  local is_same = version == RECORD_VERSION and params == ARGV[2] and graph == ARGV[3]
  if not is_same or MOVES.terminal_run[state] then return nil end
  local newest, order = unpack(redis.call('HMGET', key('subject', ask.subject), 'run', 'order'))
  if newest ~= ask.run then return nil end
  if ask.order > tonumber(order) then redis.call('HSET', key('subject', ask.subject), 'order', ask.order) end
  remember('accepted', ask.run)
  return cjson.encode({outcome = 'joined', state = state, ready = {}, now_ms = NOW})
end

local joined = join_unchanged()
if joined then return joined end

-- Without an order, what arrives later is newer, whatever the clock says.
if ask.order == 0 then
  ask.order = math.max(NOW, 1 + tonumber(redis.call('HGET', key('subject', ask.subject), 'order') or 0))
end
local run = version and load(ask.run)
local newer = supersede_others()

if not run then
  local begun, ready = begin(newer)
  return answer(begun, newer and 'stale' or 'created', ready)
end

if newer then return answer(run, 'stale') end

-- The newest words count: a parameter that no result depends on (a path), a newer version of the stages.
local new = cjson.decode(ARGV[4])
if params ~= ARGV[2] then
  write(run, 'HSET', run.key, 'params', ARGV[2])
  run.asked, run.is_changed = run.asked + 1, true
end
local function knows_all_stages() -- A request of an older version does not take a newer one's stage away.
  for spec in each_stage(run) do
    if not new[spec.name] then return false end
  end
  return true
end
if graph ~= ARGV[3] and knows_all_stages() then
  local opening, stages = cjson.decode(ARGV[5]), run.stages
  run.graph, run.roles, run.role_of, run.is_changed = read_graph(ARGV[3]), opening.roles, nil, true
  for spec in each_stage(run) do
    if not stages[spec.name] then
      stages[spec.name] = new[spec.name]
      stages[spec.name].state, stages[spec.name].ready_ms = 'pending', nil -- What it needs is looked at by `promote`.
    end
  end
  write(run, 'HSET', run.key, 'graph', ARGV[3], 'roles', table.concat(opening.roles, ' '))
end

-- Same head again: open what failed, stopped, was partial, or reads parameters that are not the same.
local how, count = {}, 0
for spec, stage in each_stage(run) do
  local inputs = new[spec.name] and new[spec.name].inputs or stage.inputs
  local changed = stage.inputs ~= inputs
  local unfinished = stage.state == 'failed' or stage.state == 'cancelled' or (stage.state == 'done' and stage.partial)
  local looks_again = ask.again and ask.again[spec.name] and stage.state ~= 'pending' and stage.state ~= 'ready'
  if changed or ask.fresh or looks_again or (unfinished and has_ended(run)) then
    how[spec.name] = (stage.partial or looks_again) and 'again' or 'resume'
    count = count + 1
  end
  stage.inputs = inputs
end

if count == 0 then
  if run.is_changed then save(run) end
  return answer(run, has_ended(run) and 'answered' or 'joined')
end

write(run, 'HSET', run.key, 'request', ask.request .. ' reopened')
reopen(run, how, ask.fresh, 'asked for again')
save(run)
return answer(run, 'reopened')
