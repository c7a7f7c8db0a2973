package revocation

// The list in the server is two keys. The hash has the state of each identity: "b" for blocked or
// "r" for removed, a threshold, and an expiry. The sorted set has the time of its last change in
// microseconds, by which a process reads only what is new. Scripts change both in one step. Their
// times are those of the server, and never repeat.
//
// The second line of a script is the prefix in braces. Clients that take the first argument for
// a key, as the function in the documentation of dpop.Shared does, so find the node of a Cluster
// that has the keys.
//
// With its first line, a server that is a replica refuses a script. A replica that has lost its
// primary would answer for hours with an old list that looks current.

// maxScore bounds times. Greater integers are not exact in a sorted set.
const maxScore = 1<<53 - 1

// writeScript has as arguments how many identities there can be, what newestScript returned, and
// for each change its identity, state letter, threshold and expiry. An addition never shortens
// what is there. A removal does not undo an addition that is newer than its caller knew. What is
// given back, "g", is an addition, unless it was removed since, or is there already: processes that
// notice a loss together would otherwise have each other read everything again. A list
// that is full takes removals, and changes of what it has. The reply is OK, or FULL and the
// numbers of the additions that it has no room for.
const writeScript = `#!lua
local time = redis.call('TIME')
local score = time[1] * 1000000 + time[2]
local last = redis.call('ZREVRANGEBYSCORE', KEYS[1], '9007199254740991', '-inf', 'WITHSCORES', 'LIMIT', 0, 1)
if last[2] then score = math.max(score, last[2] + 1) end
local full = {}
for n = 3, #ARGV, 4 do
  local id, letter, threshold, expires = ARGV[n], ARGV[n+1], tonumber(ARGV[n+2]), tonumber(ARGV[n+3])
  local old = redis.call('HGET', KEYS[2], id)
  local was, t, e = string.match(old or '', '^([br]) (%d+) (%d+)$')
  local needless = letter == 'g' and (was == 'r' or was and tonumber(t) >= threshold and tonumber(e) >= expires
    and redis.call('ZSCORE', KEYS[1], id))
  if letter == 'g' then letter = 'b' end
  if letter == 'b' and not old and redis.call('HLEN', KEYS[2]) >= tonumber(ARGV[1]) then
    full[#full+1] = string.format('%.0f', (n - 3) / 4)
  elseif not needless and (letter == 'b' or was == 'r' or tonumber(redis.call('ZSCORE', KEYS[1], id) or 0) <= tonumber(ARGV[2])) then
    if was then expires = math.max(expires, tonumber(e)) end
    if was == 'b' and letter == 'b' then threshold = math.max(threshold, tonumber(t)) end
    redis.call('HSET', KEYS[2], id, string.format('%s %.0f %.0f', letter, threshold, expires))
    redis.call('ZADD', KEYS[1], string.format('%.0f', score), id)
    score = score + 1
  end
end
if #full > 0 then return {'FULL', unpack(full)} end
return 'OK'`

// newestScript returns the time of the newest change.
const newestScript = `#!lua flags=allow-oom
local last = redis.call('ZREVRANGEBYSCORE', KEYS[1], '9007199254740991', '-inf', 'WITHSCORES', 'LIMIT', 0, 1)
return last[2] or '0'`

// readScript has as arguments the least time, and how many identities to return: time, identity
// and state of each. It tries to remove what is not there, which a replica refuses, and so does a
// primary that has too few replicas. A line in front would also have a server refuse to be read
// because its memory or its disk is full. Its list is current, because it takes no entries either.
const readScript = `
local removed = redis.pcall('ZREM', KEYS[1], '')
if type(removed) == 'table' and not string.find(removed.err, '^MISCONF') then return removed end
local found = redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[1], '9007199254740991', 'WITHSCORES', 'LIMIT', 0, ARGV[2])
local ids, reply = {}, {}
for n = 1, #found, 2 do ids[#ids+1] = found[n] end
if #ids == 0 then return reply end
for n, state in ipairs(redis.call('HMGET', KEYS[2], unpack(ids))) do
  reply[3*n-2], reply[3*n-1], reply[3*n] = found[2*n], ids[n], state or ''
end
return reply`

// trimScript has as arguments identities that a process has seen expired. The server forgets
// them if they have expired by its own clock as well, for a while.
const trimScript = `#!lua flags=allow-oom
local time = redis.call('TIME')
for n, id in ipairs(ARGV) do
  local expires = string.match(redis.call('HGET', KEYS[2], id) or '', '^[br] %d+ (%d+)$')
  if expires and tonumber(expires) + 600 < tonumber(time[1]) then
    redis.call('HDEL', KEYS[2], id)
    redis.call('ZREM', KEYS[1], id)
  end
end
return 'OK'`
