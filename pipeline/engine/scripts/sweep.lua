-- sweep: find what nobody looks after. Whatever is due is looked at by exactly one of the workers that sweep.
-- Recovers leases that ran out, wakes parked stages, offers ready ones again, and drops what has expired.

redis.call('ZADD', key('owners'), NOW, ask.owner)
redis.call('ZREMRANGEBYSCORE', key('owners'), '-inf', NOW - ask.owner_ms_max)

-- During an upgrade runs of two versions stand in the same sets: each version looks after its own.
local function is_ours(id)
  local version = redis.call('HGET', key('run', id), 'v')
  return not version or version == RECORD_VERSION
end

-- A run that cannot be looked at (a damaged record, a bug of ours) must not keep the others from it: it is told of, and
-- looked at again later.
local TROUBLE_MS = 60000
local troubles = {}

local function try(role, id, look)
  local fine, answer = pcall(look, role, id)
  if fine then return answer end
  troubles[#troubles + 1] = 'run ' .. id .. ': ' .. (type(answer) == 'table' and answer.err or tostring(answer))
  redis.call('ZADD', key('due', role), NOW + TROUBLE_MS, id)
end

-- Owners whose process is known to be dead (same host and boot): their leases end now, not at their expiry.
local function end_lease(role, id, owner)
  local run = load(id)
  local lease = run and lease_of(run, role)
  if lease and lease.owner == owner then
    release(run, role, 'owner_died')
    refresh(run)
    save(run)
    redis.call('ZADD', key('due', role), NOW, id)
  end
end

for _, owner in ipairs(ask.dead) do
  local left = false -- Runs of another version: a worker of that version ends their leases.
  for _, held in ipairs(redis.call('SMEMBERS', key('held', owner))) do
    local role, id = held:match('^(%S+) (.+)$')
    if is_ours(id) then
      try(role, id, function() end_lease(role, id, owner) end)
    else
      left = true
    end
  end
  if not left then
    redis.call('DEL', key('held', owner))
    redis.call('ZREM', key('owners'), owner)
  end
end

-- `only` is set by a process that works for one run (a local review): it leaves all others alone.
local function due(role, room)
  if ask.only then
    local score = redis.call('ZSCORE', key('due', role), ask.only)
    return score and tonumber(score) <= NOW and {ask.only} or {}
  end
  local ours, from = {}, 0
  repeat
    local page = redis.call('ZRANGEBYSCORE', key('due', role), '-inf', NOW, 'LIMIT', from, room)
    for _, id in ipairs(page) do
      if #ours < room and is_ours(id) then ours[#ours + 1] = id end
    end
    from = from + room
  until #page < room or #ours == room
  return ours
end

if ask.heard then redis.call('HDEL', key('bells'), unpack(ask.roles)) end

local function offers_work(role, id)
  local run = load(id)
  if not run then
    redis.call('ZREM', key('due', role), id)
    return false
  end
  refresh(run)
  local offered = false
  for spec, stage in each_stage(run) do
    offered = offered or stage.state == 'ready' and spec.role == role
  end
  save(run)
  -- So that no other worker is offered it too.
  if offered then redis.call('ZADD', key('due', role), NOW + ask.grace_ms, id) end
  return offered
end

local found = {}
for _, role in ipairs(ask.roles) do
  local room = ask.free - #found
  if room > 0 then
    for _, id in ipairs(due(role, room)) do
      if try(role, id, offers_work) then found[#found + 1] = id end
    end
  end
end

-- Retention: a run goes with everything that belongs to it, in one step.
local expired = redis.call('ZRANGEBYSCORE', key('expiry'), '-inf', NOW, 'LIMIT', 0, ask.expire_max)
for _, id in ipairs(expired) do
  local subject, topics, mirror = unpack(redis.call('HMGET', key('run', id), 'subject', 'topics', 'mirror'))
  if mirror then redis.call('ZREM', key('mirror', mirror), id) end -- Nobody may have been there to show it.
  for _, topic in ipairs(topics and cjson.decode(topics) or {}) do redis.call('SREM', key('topic', topic), id) end
  redis.call('UNLINK', key('run', id), key('run', id, 'steps'), key('run', id, 'checkpoints'), key('run', id, 'journal'))
  redis.call('ZREM', key('runs'), id)
  redis.call('ZREM', key('expiry'), id)
  if subject and redis.call('HGET', key('subject', subject), 'run') == id then redis.call('DEL', key('subject', subject)) end
end

return cjson.encode({found = found, troubles = troubles, owners = redis.call('ZRANGE', key('owners'), 0, -1)})
