-- wrk: each request is for any of so many sessions, with any of so many tokens.
-- Arguments: the path up to the session's number, how many sessions, a file with one token a line.

local heads, prefix, sessions

function init(arguments)
  prefix = arguments[1]
  sessions = tonumber(arguments[2])
  heads = {}
  for token in io.lines(arguments[3]) do
    heads[#heads + 1] = ' HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ' .. token .. '\r\n\r\n'
  end
  math.randomseed(1)
end

function request()
  local session = string.format('%012x', math.random(0, sessions - 1))
  return 'GET ' .. prefix .. session .. heads[math.random(#heads)]
end
