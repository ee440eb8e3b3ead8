-- effect: the ledger of writes to the outside, by subject. E1 rests on it: an intent is durable before its act, and who
-- finds one that nobody confirmed looks outside before acting again.
-- ARGV[2] = what is confirmed, JSON.

local run = load(ask.run)
if not run then return cjson.encode({outcome = 'stopped', why = 'the run is gone'}) end
local ledger = key('effects', run.subject)

-- Who may begin an effect: the stage under its claim and a live lease, or the mirror that has the run.
local function may_act()
  if ask.stage == 'mirror' then
    local claim, at = unpack(redis.call('HMGET', key('run', run.id), 'mirror_claim', 'mirror_ms'))
    return tonumber(claim) == ask.claim and tonumber(at) > NOW
  end
  local stage = run.stages[ask.stage]
  local lease = stage and not has_ended(run) and lease_of(run, run.role_of[ask.stage])
  local mine = is_live(lease) and lease.owner == ask.owner and lease.run == run.id
  if not (mine and stage.state == 'running' and stage.claim == ask.claim and stage.token == lease.token) then return false end
  renew(run, run.role_of[ask.stage]) -- It outlives the request that follows.
  return true
end

-- What is confirmed stands first, so that it cannot speak for the ledger, and as the text that came: decoding would
-- refuse a lone surrogate; encoding would make an empty list an empty table, and round numbers of more than 14 digits.
local function keep(state, detail)
  local standing = cjson.encode({state = state, at_ms = NOW, run = run.id})
  local inner = detail and detail:match('^{(.*)}$') or ''
  write(run, 'HSET', ledger, ask.effect, '{' .. inner .. (inner ~= '' and ',' or '') .. standing:sub(2))
  write(run, 'PEXPIRE', ledger, ask.effects_ms)
end

local acts = {}

function acts.intend()
  if not may_act() then return {outcome = 'stopped', why = 'the run is ' .. run.state .. ' or in other hands'} end
  local known = redis.call('HGET', ledger, ask.effect)
  if known then
    save(run)
    return {outcome = 'known', record = known, now_ms = NOW}
  end
  keep('intended')
  note(run, 'effect.intended', {effect = ask.effect, stage = ask.stage})
  save(run)
  return {outcome = 'new'}
end

-- What has happened out there has happened: it is recorded whoever holds the run by now (A1).
function acts.confirm()
  keep('confirmed', ARGV[2])
  note(run, 'effect.confirmed', {effect = ask.effect, stage = ask.stage, id = ask.told.id, was = ask.told.was})
  save(run)
  return {outcome = 'confirmed'}
end

-- Guarded like an intent: what a worker that stood still remembers may be its successor's by now.
function acts.forget()
  if not may_act() then return {outcome = 'stopped', why = 'the run is ' .. run.state .. ' or in other hands'} end
  write(run, 'HDEL', ledger, ask.effect)
  note(run, 'effect.forgotten', {effect = ask.effect, stage = ask.stage, why = ask.why})
  save(run)
  return {outcome = 'forgotten'}
end

return cjson.encode(acts[ask.act]())
