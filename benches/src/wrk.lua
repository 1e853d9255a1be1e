-- Prints one line that a program can read; BODY_BYTES makes every request a POST of that many bytes.
local body = os.getenv("BODY_BYTES")
if body then
   wrk.method = "POST"
   wrk.headers["Content-Type"] = "application/octet-stream"
   wrk.body = string.rep("x", tonumber(body))
end

function done(summary, latency)
   local e = summary.errors
   print(string.format("result %d %d %d %d %d", summary.requests, summary.duration, latency:percentile(50),
      latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout))
end
