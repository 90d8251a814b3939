-- HttpArena's limited-conn: a connection is closed after ten requests, and made anew.
--
-- usage: wrk -s limited.lua URL -- SEED
--
-- wrk does not tell a script which connection it writes to. So one request in ten, at random, asks
-- for the close: a connection lives for ten requests on average, not for exactly ten.

package.path = "experiments/workloads/?.lua;" .. package.path
local common = require("common")

local REQUESTS = 10
local random, plain, last

function init(arguments)
  random = common.generator(tonumber(arguments[1]))
  plain = common.request("GET", "/", {})
  last = common.request("GET", "/", { "Connection: close" })
end

function request()
  return random(REQUESTS) == 0 and last or plain
end
