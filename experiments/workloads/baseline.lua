-- HttpArena's baseline: a third each of GET, POST and POST in chunks, with numbers to add up.
--
-- usage: wrk -s baseline.lua URL -- SEED
--
-- All numbers have three digits and so have all sums: responses are of one length.

package.path = "experiments/workloads/?.lua;" .. package.path
local common = require("common")

local KINDS = 3 * 100

function init(arguments)
  local random = common.generator(tonumber(arguments[1]))
  local function number()
    return 100 + random(200)
  end
  local requests = {}
  for index = 1, KINDS do
    local target = "/baseline?a=" .. number() .. "&b=" .. number()
    local body = tostring(number())
    if index % 3 == 1 then
      requests[index] = common.request("GET", target, {})
    elseif index % 3 == 2 then
      local headers = { "Content-Type: text/plain", "Content-Length: " .. #body }
      requests[index] = common.request("POST", target, headers, body)
    else
      local headers = { "Content-Type: text/plain", "Transfer-Encoding: chunked" }
      local chunks = string.format("%x\r\n%s\r\n0\r\n\r\n", #body, body)
      requests[index] = common.request("POST", target, headers, chunks)
    end
  end
  request = common.cycle(requests)
end
