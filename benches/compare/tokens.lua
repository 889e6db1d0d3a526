-- Sends the tokens of a file in turn, and reports as one line of JSON what came back. Arguments: the file, or `-` for none.
local tokens, at, thread = {}, 0, nil

function setup(made) thread = made end

function init(arguments)
  other = 0
  if arguments[1] == "-" then return end
  for line in io.lines(arguments[1]) do
    tokens[#tokens + 1] = wrk.format("GET", "/orders/7", {["Host"] = "bench.example", ["Authorization"] = "Bearer " .. line})
  end
end

function request()
  if #tokens == 0 then return wrk.format("GET", "/orders/7", {["Host"] = "bench.example"}) end
  at = at % #tokens + 1
  return tokens[at]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format('RESULT {"requests": %d, "microseconds": %d, "refused": %d, "broken": %d, "p50": %d, "p99": %d}\n',
    summary.requests, summary.duration, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
