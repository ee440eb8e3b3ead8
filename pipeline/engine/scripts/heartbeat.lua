-- heartbeat: renew the leases of one worker, and tell it which runs it lost or has new work in.

local news = {}

local function renew_all(run, leases)
  for role, token in pairs(leases) do
    local lease = lease_of(run, role)
    if not lease or lease.token ~= token or lease.owner ~= ask.owner or lease.run ~= run.id then return false end
  end
  for role in pairs(leases) do renew(run, role) end
  return true
end

for id, leases in pairs(ask.holds) do
  local run = load(id)
  if not run or not renew_all(run, leases) then
    news[id] = 'lost'
  else
    refresh(run)
    save(run)
    if #ready_roles(run) > 0 or run.asked ~= ask.asked[id] then news[id] = 'work' end
  end
end
redis.call('ZADD', key('owners'), NOW, ask.owner)
return cjson.encode({news = news, now_ms = NOW})
