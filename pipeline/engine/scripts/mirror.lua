-- mirror: give out runs whose picture outside is older than they are, and take back word of what was shown.
-- A run is with one mirror at a time (`claim`); one that does not come back in time is given out again.

local function take()
  local taken = {}
  for _, role in ipairs(ask.roles) do
    local sorted = key('mirror', role)
    for _, id in ipairs(redis.call('ZRANGEBYSCORE', sorted, '-inf', NOW, 'LIMIT', 0, ask.room)) do
      local version, seq = unpack(redis.call('HMGET', key('run', id), 'v', 'seq'))
      if not version then
        redis.call('ZREM', sorted, id)
      elseif version == RECORD_VERSION then
        local claim = redis.call('HINCRBY', key('run', id), 'mirror_claim', 1)
        redis.call('HSET', key('run', id), 'mirror_ms', NOW + ask.hold_ms)
        redis.call('HDEL', key('run', id), 'mirror_free')
        redis.call('ZADD', sorted, NOW + ask.hold_ms, id)
        taken[#taken + 1] = {run = id, claim = claim, seq = tonumber(seq)}
      end
    end
  end
  return {taken = taken}
end

-- `again_ms`: look again after so long, whatever happens; `pace_ms`: not before that, if something happens.
local function put_back()
  local claim, seq, role, busy_ms, state =
    unpack(redis.call('HMGET', key('run', ask.run), 'mirror_claim', 'seq', 'mirror', 'mirror_ms', 'state'))
  if not role then return {outcome = 'gone'} end
  if tonumber(claim) ~= ask.claim then -- Its picture may have come after its successor's: one more look puts that right.
    redis.call('ZADD', key('mirror', role), math.max(NOW, tonumber(busy_ms)), ask.run)
    return {outcome = 'lost'}
  end
  redis.call('HSET', key('run', ask.run), 'mirror_ms', NOW + ask.pace_ms)
  if ask.again_ms then
    redis.call('ZADD', key('mirror', role), NOW + ask.again_ms, ask.run)
    return {outcome = 'kept'}
  end
  redis.call('HSET', key('run', ask.run), 'mirror_free', '1')
  if tonumber(seq) > ask.seen then
    redis.call('ZADD', key('mirror', role), NOW + (MOVES.terminal_run[state] and 0 or ask.pace_ms), ask.run)
  else
    redis.call('ZREM', key('mirror', role), ask.run)
  end
  return {outcome = 'kept'}
end

return cjson.encode(ask.act == 'take' and take() or put_back())
