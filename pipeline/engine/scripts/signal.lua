-- signal: tell a run that something happened. A stage that waits for it goes on; else the signal is kept (latched)
-- until a stage waits. It is a wake-up, not a message: of several before the wait, the newest payload counts.
-- ARGV[2] = payload, JSON.

local run = load(ask.run)
if not run then return cjson.encode({outcome = 'gone'}) end
if has_ended(run) then return cjson.encode({outcome = 'ended', state = run.state}) end

note(run, 'signal.received', {signal = ask.signal})
local woken = false
for spec, stage in each_stage(run) do
  if stage.state == 'parked' and stage.signal == ask.signal then
    wake(run, spec.name, 'signal', ARGV[2])
    woken = true
  end
end
if not woken then write(run, 'HSET', key('run', run.id), 'signal:' .. ask.signal, ARGV[2]) end
save(run)
return cjson.encode({outcome = woken and 'woken' or 'latched', state = run.state, ready = ready_roles(run)})
