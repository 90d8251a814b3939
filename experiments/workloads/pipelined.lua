-- HttpArena's pipelined: sixteen requests are sent at once, then sixteen responses awaited.
--
-- usage: wrk -s pipelined.lua URL
--
-- wrk counts the requests that a script returns together, and completes each by itself; its
-- latency is that of the sixteen.

package.path = "experiments/workloads/?.lua;" .. package.path
local common = require("common")

local DEPTH = 16
local batch

function init()
  batch = string.rep(common.request("GET", "/", {}), DEPTH)
end

function request()
  return batch
end
