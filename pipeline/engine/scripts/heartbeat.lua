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

local function look(id, leases)
  local run = load(id)
  if not run or not renew_all(run, leases) then return 'lost' end
  refresh(run)
  save(run)
  if #ready_roles(run) > 0 or run.asked ~= ask.asked[id] then return 'work' end
end

for id, leases in pairs(ask.holds) do
  local fine, told = pcall(look, id, leases)
  if fine then news[id] = told else news[id] = 'lost' end -- A damaged record costs its own lease and no other.
end
redis.call('ZADD', key('owners'), NOW, ask.owner)
return cjson.encode({news = news, now_ms = NOW})
