-- What the scripts share: a generator of numbers that is the same everywhere, and requests as text.

local common = {}

-- Lehmer's generator: exact in a double. It starts at a seed above zero.
function common.generator(seed)
  local state = seed
  return function(limit)
    state = (state * 16807) % 2147483647
    return state % limit
  end
end

function common.request(method, target, headers, body)
  local lines = { method .. " " .. target .. " HTTP/1.1", "Host: " .. wrk.host .. ":" .. wrk.port }
  for _, header in ipairs(headers) do
    lines[#lines + 1] = header
  end
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. (body or "")
end

-- Requests made beforehand, one after the other: the client must cost little.
function common.cycle(requests)
  local number = 0
  return function()
    number = number % #requests + 1
    return requests[number]
  end
end

return common
