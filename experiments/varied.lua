-- Browser-like traffic for wrk: no two requests share a path, a query or a cookie.
--
-- usage: wrk -s varied.lua URL -- SEED
--
-- Each request takes one of the browsers and one of the languages below, with the ten to fifteen
-- headers that such a browser sends when it follows a link. The heads are made once, in init: the
-- client shares the machine with the server, so a request must cost it little.

local CHROMIUM = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,"
  .. "image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"
local FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

local function chromium(agent, brand, version, platform, mobile)
  return {
    { "Connection", "keep-alive" },
    { "sec-ch-ua", '"' .. brand .. '";v="' .. version .. '", "Chromium";v="' .. version
        .. '", "Not_A Brand";v="99"' },
    { "sec-ch-ua-mobile", mobile and "?1" or "?0" },
    { "sec-ch-ua-platform", '"' .. platform .. '"' },
    { "Upgrade-Insecure-Requests", "1" },
    { "User-Agent", "Mozilla/5.0 (" .. agent .. ") AppleWebKit/537.36 (KHTML, like Gecko) Chrome/"
        .. version .. ".0.0.0 " .. (mobile and "Mobile " or "") .. "Safari/537.36"
        .. (brand == "Microsoft Edge" and " Edg/" .. version .. ".0.0.0" or "") },
    { "Accept", CHROMIUM },
    { "Sec-Fetch-Site", "same-origin" },
    { "Sec-Fetch-Mode", "navigate" },
    { "Sec-Fetch-Dest", "document" },
    { "Accept-Encoding", "gzip, deflate, br, zstd" },
  }
end

local function firefox(agent, version)
  return {
    { "User-Agent", "Mozilla/5.0 (" .. agent .. "; rv:" .. version .. ".0) Gecko/20100101 Firefox/"
        .. version .. ".0" },
    { "Accept", FIREFOX },
    { "Accept-Encoding", "gzip, deflate, br, zstd" },
    { "Connection", "keep-alive" },
    { "Upgrade-Insecure-Requests", "1" },
    { "Sec-Fetch-Dest", "document" },
    { "Sec-Fetch-Mode", "navigate" },
    { "Sec-Fetch-Site", "same-origin" },
    { "Priority", "u=0, i" },
  }
end

local function safari(agent, version, tail)
  return {
    { "Sec-Fetch-Dest", "document" },
    { "User-Agent", "Mozilla/5.0 (" .. agent .. ") AppleWebKit/605.1.15 (KHTML, like Gecko) Version/"
        .. version .. " " .. tail },
    { "Accept", FIREFOX },
    { "Sec-Fetch-Site", "same-origin" },
    { "Sec-Fetch-Mode", "navigate" },
    { "Accept-Encoding", "gzip, deflate, br" },
    { "Connection", "keep-alive" },
  }
end

local BROWSERS = {
  chromium("Windows NT 10.0; Win64; x64", "Google Chrome", "142", "Windows"),
  chromium("Windows NT 10.0; Win64; x64", "Google Chrome", "141", "Windows"),
  chromium("Macintosh; Intel Mac OS X 10_15_7", "Google Chrome", "142", "macOS"),
  chromium("Linux; Android 10; K", "Google Chrome", "142", "Android", true),
  chromium("Linux; Android 10; K", "Google Chrome", "140", "Android", true),
  chromium("Windows NT 10.0; Win64; x64", "Microsoft Edge", "142", "Windows"),
  firefox("Windows NT 10.0; Win64; x64", "145"),
  firefox("X11; Linux x86_64", "140"),
  safari("Macintosh; Intel Mac OS X 10_15_7", "26.1", "Safari/605.1.15"),
  safari("iPhone; CPU iPhone OS 18_7 like Mac OS X", "26.1", "Mobile/15E148 Safari/604.1"),
}

local LANGUAGES = {
  "en-US,en;q=0.9", "en-GB,en;q=0.9", "de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7", "fr-FR,fr;q=0.9,en;q=0.8",
  "es-ES,es;q=0.9,en;q=0.8", "pt-BR,pt;q=0.9,en-US;q=0.8,en;q=0.7", "ja,en-US;q=0.9,en;q=0.8",
  "zh-CN,zh;q=0.9,en;q=0.8",
}

local PAGES = { "articles", "products", "users", "orders", "search", "help", "blog", "media" }

local heads, pages = {}, {}
local number, state = 0, 1

function init(arguments)
  -- A seed of its own for each round: a server that remembered a whole round gains nothing.
  local seed = tonumber(arguments[1])
  number, state = seed * 1000000, seed
  local host = wrk.host .. ":" .. wrk.port
  for _, browser in ipairs(BROWSERS) do
    for _, language in ipairs(LANGUAGES) do
      local lines = { " HTTP/1.1", "Host: " .. host }
      for _, header in ipairs(browser) do
        lines[#lines + 1] = header[1] .. ": " .. header[2]
      end
      lines[#lines + 1] = "Accept-Language: " .. language
      lines[#lines + 1] = "Referer: http://" .. host .. "/" .. PAGES[#heads % #PAGES + 1]
      lines[#lines + 1] = "Cookie: theme=dark; session="
      heads[#heads + 1] = table.concat(lines, "\r\n")
    end
  end
  for index, page in ipairs(PAGES) do
    pages[index] = "GET /" .. page .. "/"
  end
end

function request()
  number = number + 1
  state = (state * 16807) % 2147483647 -- Lehmer's generator: exact in a double
  return pages[number % #pages + 1] .. number .. "?from=" .. state .. heads[state % #heads + 1]
    .. state .. number .. "\r\n\r\n"
end
