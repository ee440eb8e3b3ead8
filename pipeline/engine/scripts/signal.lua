-- signal: tell a run that something happened. Stages that wait for it go on; it is kept for those that wait later.
-- It is a wake-up, not a message: of several before a wait, the newest payload counts.
-- ARGV[2] = payload, JSON.

local run = load(ask.run)
if not run then return cjson.encode({outcome = 'gone'}) end
if has_ended(run) then return cjson.encode({outcome = 'ended', state = run.state}) end

note(run, 'signal.received', {signal = ask.signal})
write(run, 'HSET', key('run', run.id), 'signal:' .. ask.signal, run.seq .. ' ' .. ARGV[2])
local number, woken = run.seq, false
for spec, stage in each_stage(run) do
  if stage.state == 'parked' and stage.signal == ask.signal then
    hear(run, spec.name, ask.signal, number, ARGV[2])
    woken = true
  end
end
save(run)
return cjson.encode({outcome = woken and 'woken' or 'latched', state = run.state, ready = ready_roles(run)})
