-- heartbeat: renew the leases of one worker, and tell it which runs it lost or has new work in.

local news = {}
for id, leases in pairs(ask.holds) do
  local run, lost = load(id), false
  if not run then
    lost = true
  else
    for role, token in pairs(leases) do
      local lease = lease_of(run, role)
      if lease and lease.token == token and lease.owner == ask.owner and lease.run == id then
        lease.expires_ms = NOW + ask.lease_ms
        put_lease(run, role, lease)
      else
        lost = true
      end
    end
    if not lost then
      refresh(run)
      save(run)
      if #ready_roles(run) > 0 or run.asked ~= ask.asked[id] then news[id] = 'work' end
    end
  end
  if lost then news[id] = 'lost' end
end
redis.call('HSET', key('owners'), ask.owner, NOW)
return cjson.encode({news = news, now_ms = NOW})
