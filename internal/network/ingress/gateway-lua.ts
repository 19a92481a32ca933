/**
 * What HAProxy does with a request to a Gateway, in the language that it can be taught in. It is
 * the same for all; routes are lines of two maps, and nothing of them is code. `gateway-tables.ts`
 * writes the lines.
 */
export const gatewayScript = (maps: {
  hosts: string;
  specs: string;
  streams: string;
  pools: string;
}): string =>
  script.replace(/@(hosts|specs|streams|pools)@/g, (_, name: keyof typeof maps) => maps[name]);

const script = String.raw`
local hosts = Map.new("@hosts@", Map._str)
local specs = Map.new("@specs@", Map._str)
local streams = Map.new("@streams@", Map._str)
local pools = Map.new("@pools@", Map._str)
math.randomseed(os.time())

local function split(text, by)
  local parts = {}
  for part in (text .. by):gmatch("([^" .. by .. "]*)" .. by) do parts[#parts + 1] = part end
  return parts
end
local function plain(text)
  return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end
local function optional(text) if text ~= "-" then return plain(text) end end
local function each(text, as)
  local list = {}
  if text ~= "" then
    for _, part in ipairs(split(text, ",")) do list[#list + 1] = as(part) end
  end
  return list
end
local function pair(text)
  local parts = split(text, "=")
  return { name = plain(parts[1]), value = plain(parts[2]) }
end
local function new_path(text)
  if text == "-" then return nil end
  local parts = split(text, "=")
  return { text = plain(parts[1]), elements = tonumber(parts[2]) }
end

local function read_match(f)
  return {
    path_type = f[2], path = plain(f[3]), method = optional(f[4]), headers = each(f[5], pair),
    query = each(f[6], pair), except = each(f[7], plain), action = f[8],
  }
end
local function read_backend(text)
  local f = split(text, "=")
  return { weight = tonumber(f[1]), route = optional(f[2]), changes = f[3] }
end
local function read_mirror(text)
  local f = split(text, "=")
  return { place = f[1] .. ":" .. f[2], share = tonumber(f[3]) }
end
local function read_changes(f)
  local redirect
  if f[2] ~= "-" then
    local r = split(f[2], "&")
    redirect = {
      code = tonumber(r[1]), scheme = optional(r[2]), host = optional(r[3]),
      port = tonumber(r[4]), path = new_path(r[5]),
    }
  end
  return {
    redirect = redirect, set = each(f[3], pair), add = each(f[4], pair),
    remove = each(f[5], plain), answer_set = each(f[6], pair), answer_add = each(f[7], pair),
    answer_remove = each(f[8], plain), host = optional(f[9]), path = new_path(f[10]),
  }
end
local function read_action(f)
  local backends, sum = each(f[4], read_backend), 0
  for _, one in ipairs(backends) do sum = sum + one.weight end
  return {
    changes = f[2], timeout = tonumber(f[3]), backends = backends, sum = sum,
    mirrors = each(f[5], read_mirror),
  }
end
local function read_stream(f)
  local backends, sum = each(f[3], read_backend), 0
  for _, one in ipairs(backends) do sum = sum + one.weight end
  return { mode = f[2], backends = backends, sum = sum }
end
local read = { m = read_match, c = read_changes, a = read_action, s = read_stream }

-- A line is named by what it says: what was read once stays true.
local known, count = {}, 0
local function spec(id)
  local found = known[id]
  if found then return found end
  local text = specs:lookup(id)
  if not text then return nil end
  local fields = split(text, "|")
  found = read[fields[1]](fields)
  if count >= 8192 then known, count = {}, 0 end
  known[id], count = found, count + 1
  return found
end

local function is_host(pattern, host)
  if pattern:sub(1, 2) ~= "*." then return pattern == host end
  local tail = pattern:sub(2)
  return #host > #tail and host:sub(-#tail) == tail
end

local function query_of(txn)
  local values = {}
  for _, part in ipairs(split(txn.sf:query(), "&")) do
    local name, value = part:match("^([^=]*)=?(.*)$")
    name = plain((name:gsub("+", " ")))
    if values[name] == nil then values[name] = plain((value:gsub("+", " "))) end
  end
  return values
end

local function header_of(headers, name)
  local values = headers[name]
  if not values then return nil end
  local all = {}
  for i = 0, #values do all[#all + 1] = values[i] end
  return table.concat(all, ",")
end

local function fits(m, r)
  if m.method and m.method ~= r.method then return false end
  if m.path_type == "e" then
    if r.path ~= m.path then return false end
  elseif m.path_type == "s" then
    if r.path:match("^/[^/]+(/[^/]+)$") ~= m.path then return false end
  elseif m.path ~= "" and r.path ~= m.path and r.path:sub(1, #m.path + 1) ~= m.path .. "/" then
    return false
  end
  for _, host in ipairs(m.except) do
    if is_host(host, r.host) then return false end
  end
  if #m.headers > 0 then
    r.headers = r.headers or r.txn.http:req_get_headers()
    for _, one in ipairs(m.headers) do
      if header_of(r.headers, one.name) ~= one.value then return false end
    end
  end
  if #m.query > 0 then
    r.query = r.query or query_of(r.txn)
    for _, one in ipairs(m.query) do
      if r.query[one.name] ~= one.value then return false end
    end
  end
  return true
end

local function lookup(r, host)
  for part = 0, 255 do
    local list = hosts:lookup(r.port .. "/" .. host .. "/" .. part)
    if not list then return nil end
    for id in list:gmatch("[^,]+") do
      local m = spec(id)
      if m and fits(m, r) then return spec(m.action) end
    end
  end
end

-- The host itself, then ever less of its end, then any.
local function find(r, by)
  local found = by(r, r.host)
  local rest = r.host
  while not found do
    local dot = rest:find(".", 1, true)
    if not dot then break end
    rest = rest:sub(dot + 1)
    if rest ~= "" then found = by(r, "*." .. rest) end
  end
  return found or by(r, "")
end

local function changed_path(change, path)
  if not change.elements then return change.text end
  local rest = path
  for _ = 1, change.elements do rest = rest:gsub("^/+[^/]+", "", 1) end
  if rest == "" then return change.text end
  local path = change.text:gsub("/+$", "") .. rest
  return path == "" and "/" or path
end

local function answer(txn, status, text)
  local reply = txn:reply({ status = status })
  reply:add_header("content-type", "text/plain")
  reply:set_body(text)
  txn:done(reply)
end

local well_known = { http = 80, https = 443 }
local function redirected(r, to)
  local tls = r.txn.sf:ssl_fc() == "1"
  local scheme = to.scheme or (tls and "https" or "http")
  local port = to.port or (to.scheme and well_known[scheme]) or r.port
  local host = to.host or r.host
  local place = scheme .. "://" .. host
  if port ~= well_known[scheme] then place = place .. ":" .. port end
  local path = r.txn.sf:path()
  place = place .. (to.path and changed_path(to.path, path) or path)
  local query = r.txn.sf:query()
  if query ~= "" then place = place .. "?" .. query end
  local reply = r.txn:reply({ status = to.code })
  reply:add_header("location", place)
  r.txn:done(reply)
end

local function apply(r, changes)
  local http = r.txn.http
  for _, name in ipairs(changes.remove) do http:req_del_header(name) end
  for _, one in ipairs(changes.set) do http:req_set_header(one.name, one.value) end
  for _, one in ipairs(changes.add) do http:req_add_header(one.name, one.value) end
  if changes.host then r.txn:set_var("txn.newhost", changes.host) end
  if changes.path then http:req_set_path(changed_path(changes.path, r.txn.sf:path())) end
end

local function chosen(action)
  if action.sum == 0 then return nil end
  local at = math.random(action.sum)
  for _, one in ipairs(action.backends) do
    at = at - one.weight
    if at <= 0 then return one end
  end
end

core.register_action("gateway", { "http-req" }, function(txn)
  local host = txn:get_var("txn.host") or ""
  if #host > 253 then return end
  local r = {
    txn = txn, host = host, path = txn:get_var("txn.path") or "", port = txn:get_var("txn.at"),
    method = txn.sf:method(),
  }
  local action = find(r, lookup)
  if not action then return end
  local changes = spec(action.changes)
  if not changes then return end
  if changes.redirect then return redirected(r, changes.redirect) end
  local backend = chosen(action)
  local own = backend and spec(backend.changes)
  if not own or not backend.route then return answer(txn, 500, "no backend\n") end
  if own.redirect then return redirected(r, own.redirect) end
  apply(r, changes)
  apply(r, own)
  if action.timeout then txn:set_var("txn.wait", action.timeout) end
  txn:set_var("txn.route", backend.route)
  txn:set_var("txn.answer", 1)
  local mirrors = {}
  for _, one in ipairs(action.mirrors) do
    if math.random() < one.share then mirrors[#mirrors + 1] = one end
  end
  if #mirrors > 0 then txn:set_var("txn.mirror", 1) end
  txn:set_priv({ answer = { changes, own }, mirrors = mirrors })
end)

-- A connection: where it goes is known by the name it asks for.
local function stream_of(r, name)
  local id = streams:lookup(r.port .. "/" .. name)
  return id and spec(id)
end

core.register_action("gateway-stream", { "tcp-req" }, function(txn)
  local name = txn:get_var("txn.sni") or ""
  if #name > 253 then return end
  local found = find({ host = name, port = txn:get_var("txn.at") }, stream_of)
  if not found then return end
  txn:set_var("txn.mode", found.mode)
  local backend = chosen(found)
  if not backend or not backend.route then return end
  local place = split(backend.route, "|")
  if place[5] ~= "-" then
    local count = tonumber(pools:lookup(place[5] .. "/n") or "0")
    local member = count > 0 and pools:lookup(place[5] .. "/i" .. math.random(0, count - 1))
    if not member then return end
    place = split(member, "|")
  end
  txn:set_var("txn.ip", place[1])
  txn:set_var("txn.port", place[2])
end)

-- Of the connection, not of the request.
local hop = {
  ["connection"] = true, ["content-length"] = true, ["keep-alive"] = true,
  ["proxy-connection"] = true, ["te"] = true, ["trailer"] = true,
  ["transfer-encoding"] = true, ["upgrade"] = true, ["expect"] = true,
}
local methods = { GET = "get", HEAD = "head", POST = "post", PUT = "put", DELETE = "delete" }
local copies, most_copies = 0, 256

core.register_action("gateway-mirror", { "http-req" }, function(txn)
  local priv, method = txn:get_priv(), methods[txn.sf:method()]
  if not priv or not method then return end
  -- A body that is not here as a whole is not sent in part.
  if txn.f:req_body_size() > txn.f:req_body_len() then return end
  local headers = {}
  for name, values in pairs(txn.http:req_get_headers()) do
    if not hop[name] then
      headers[name] = {}
      for i = 0, #values do headers[name][i + 1] = values[i] end
    end
  end
  local body, query = txn.f:req_body(), txn.sf:query()
  local path = txn.sf:path() .. (query ~= "" and "?" .. query or "")
  for _, one in ipairs(priv.mirrors) do
    if copies >= most_copies then return end
    copies = copies + 1
    core.register_task(function()
      local asked = { url = "http://" .. one.place .. path, headers = headers }
      if body and #body > 0 then asked.body = body end
      pcall(function()
        local http = core.httpclient()
        http[method](http, asked)
      end)
      copies = copies - 1
    end)
  end
end)

core.register_action("gateway-answer", { "http-res" }, function(txn)
  local http = txn.http
  local priv = txn:get_priv()
  for _, changes in ipairs(priv and priv.answer or {}) do
    for _, name in ipairs(changes.answer_remove) do http:res_del_header(name) end
    for _, one in ipairs(changes.answer_set) do http:res_set_header(one.name, one.value) end
    for _, one in ipairs(changes.answer_add) do http:res_add_header(one.name, one.value) end
  end
end)
`;
