-- Replays requests from a file, each a line with its length, then its bytes.
--   wrk ... -s replay.lua URL -- FILE once|again
-- `once`: no request is sent twice; when they run out, `exhausted` tells the caller that the measurement is void.

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(arguments)
  requests = {}
  local file = assert(io.open(arguments[1], "rb"))
  local text = file:read("*a")
  file:close()
  local at = 1
  while at <= #text do
    local stop = text:find("\n", at, true)
    local length = tonumber(text:sub(at, stop - 1))
    requests[#requests + 1] = text:sub(stop + 1, stop + length)
    at = stop + 1 + length
  end
  once = arguments[2] == "once"
  position = 0
  exhausted = 0
end

function request()
  position = position + 1
  if position > #requests then
    if once then
      exhausted = 1
    end
    position = 1
  end
  return requests[position]
end

function done(summary, latency, _)
  local errors = summary.errors
  local void = 0
  for _, thread in ipairs(threads) do
    void = void + thread:get("exhausted")
  end
  io.write(string.format(
    '\n{"requests": %d, "microseconds": %d, "p50": %d, "p99": %d, "failed": %d, "broken": %d, "exhausted": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), errors.status,
    errors.connect + errors.read + errors.write + errors.timeout, void))
end
