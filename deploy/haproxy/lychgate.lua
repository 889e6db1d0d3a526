-- Asks lychgate about a request: allowed requests go on with txn.lychgate = allowed and what was proved in variables,
-- refused ones are answered as lychgate says, and those that it answers itself go to it (txn.lychgate = own). Any failure leaves the variable unset, which haproxy.cfg denies.
local gate = "http://127.0.0.1:9004/forward-auth/haproxy"
local proved = { ["x-auth-sub"] = "txn.auth_sub", ["x-auth-groups"] = "txn.auth_groups" }
-- of one connection, or of a body that is not sent
local left_out = { connection = true, ["content-length"] = true, ["transfer-encoding"] = true, expect = true,
                   upgrade = true, te = true, trailer = true, host = true }

core.register_action("lychgate", { "http-req" }, function(txn)
  local headers = {}
  for name, values in pairs(txn.http:req_get_headers()) do
    if not left_out[name] then
      local list = {}
      for index = 0, #values do
        if values[index] ~= nil then list[#list + 1] = values[index] end
      end
      headers[name] = list
    end
  end
  -- In place of any that the client sent under these names.
  headers["x-forwarded-method"] = { txn.f:method() }
  headers["x-forwarded-uri"] = { txn.f:pathq() }
  -- all of it: `req_hdr` would give the last of several hosts that stand there with commas between them
  headers["x-forwarded-host"] = { txn.f:req_fhdr("host") or "" }
  headers["x-forwarded-for"] = { txn.f:src() }
  headers["x-forwarded-proto"] = { txn.f:ssl_fc() == 1 and "https" or "http" }

  local answer = core.httpclient():get{ url = gate, headers = headers, timeout = 2000 }
  if answer == nil or answer.status == nil then return end
  if answer.status == 200 then
    for name, variable in pairs(proved) do
      local values = answer.headers[name]
      if values ~= nil then txn:set_var(variable, values[0]) end
    end
    txn:set_var("txn.lychgate", "allowed")
    return
  end
  if answer.status == 421 then
    txn:set_var("txn.lychgate", "own")
    return
  end
  if answer.status < 400 then return end
  local reply = txn:reply{ status = answer.status }
  for name, values in pairs(answer.headers) do
    if not left_out[name] then
      for index = 0, #values do
        if values[index] ~= nil then reply:add_header(name, values[index]) end
      end
    end
  end
  reply:set_body(answer.body or "")
  txn:done(reply)
end)
