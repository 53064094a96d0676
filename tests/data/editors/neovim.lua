-- Opens $ROUTE in Neovim, uses what its language server offers, and writes what was seen to $SEEN as JSON.
local seen = {}

local function try()
  vim.cmd.edit(vim.env.ROUTE)
  local function wait(what, condition)
    assert(vim.wait(60000, condition, 20), what)
  end
  local function line(number)
    return vim.api.nvim_buf_get_lines(0, number - 1, number, false)[1]
  end
  wait("diagnostics", function() return #vim.diagnostic.get(0) > 0 end)
  seen.problems = vim.tbl_map(function(each) return { each.code, each.lnum + 1, each.source } end, vim.diagnostic.get(0))
  local client = vim.lsp.get_clients({ bufnr = 0 })[1]
  local highlighter = vim.treesitter.highlighter.active[vim.api.nvim_get_current_buf()]
  if highlighter then highlighter.tree:parse(true) end
  seen.colours = vim.tbl_map(function(each) return each.capture end, vim.treesitter.get_captures_at_pos(0, 3, 3))
  seen.filetype, seen.root = vim.bo.filetype, client.config.root_dir

  local function ask(method)
    local place = vim.lsp.util.make_position_params(0, client.offset_encoding)
    local request = function(...) return vim.fn.has("nvim-0.11") == 1 and client:request_sync(...) or client.request_sync(...) end
    return request(method, place, 60000, 0).result
  end
  vim.api.nvim_win_set_cursor(0, { 4, 8 })
  seen.hover = ask("textDocument/hover").contents.value
  seen.definition = ask("textDocument/definition").range.start.line + 1
  seen.completion = vim.tbl_map(function(each) return each.label end, ask("textDocument/completion").items)

  vim.api.nvim_win_set_cursor(0, { 8, 8 })
  vim.lsp.buf.code_action({ apply = true })
  wait("quick fix", function() return line(8):find("proc.name", 1, true) end)
  vim.api.nvim_win_set_cursor(0, { 4, 8 })
  vim.lsp.buf.rename("risky")
  wait("new name", function() return line(1):find("risky", 1, true) end)
  vim.lsp.buf.format({ timeout_ms = 60000 })
  wait("no diagnostics", function() return #vim.diagnostic.get(0) == 0 end)
  seen.text = table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), "\n") .. "\n"
end

local ended, problem = pcall(try)
seen.problem = ended and "" or tostring(problem)
local file = assert(io.open(vim.env.SEEN, "w"))
file:write(vim.json.encode(seen))
file:close()
vim.cmd("qall!")
