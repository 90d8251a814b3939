-- HttpArena's json: a list computed for a multiplier that differs from request to request.
--
-- usage: wrk -s articles.lua URL -- SEED

package.path = "experiments/workloads/?.lua;" .. package.path
local common = require("common")

local KINDS = 100

function init(arguments)
  local random = common.generator(tonumber(arguments[1]))
  local requests = {}
  for index = 1, KINDS do
    requests[index] = common.request("GET", "/articles?m=" .. 2 + random(7), {})
  end
  request = common.cycle(requests)
end
