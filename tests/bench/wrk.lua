-- A file of requests (authorization, purpose, denied, body; tabs between) -> wrk's load over them in turn, result as JSON.
local requests, place = {}, 0

function init(_)
  for line in io.lines(os.getenv("BENCH_REQUESTS")) do
    local authorization, purpose, denied, body = line:match("^([^\t]*)\t([^\t]*)\t([^\t]*)\t(.*)$")
    local headers = { ["Content-Type"] = "application/json" }
    if authorization ~= "" then
      headers["Authorization"], headers["Hub-Purpose"] = authorization, purpose
      headers["Hub-On-Denied"], headers["Hub-Case"] = denied, "BENCH-0001"
    end
    requests[#requests + 1] = wrk.format("POST", wrk.path, headers, body)
  end
end

function request()
  place = place % #requests + 1
  return requests[place]
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "seconds": %.6f, "p50_ms": %.3f, "p99_ms": %.3f, "failed": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
