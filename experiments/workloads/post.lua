-- A body of SIZE bytes, posted again and again.
--
-- usage: wrk -s post.lua URL -- SIZE SEED

package.path = "experiments/workloads/?.lua;" .. package.path
local common = require("common")

local PIECE = 4096

function init(arguments)
  local random = common.generator(tonumber(arguments[2]))
  local size = tonumber(arguments[1])
  local bytes = {}
  for index = 1, PIECE do
    bytes[index] = string.char(random(256))
  end
  local piece = table.concat(bytes)
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/octet-stream"
  wrk.body = string.rep(piece, math.floor(size / PIECE)) .. piece:sub(1, size % PIECE)
  -- With no function `request` here, wrk makes the text once, and calls no Lua for the others.
end
