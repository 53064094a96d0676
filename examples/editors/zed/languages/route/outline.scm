(list_statement "list" @context (name) @name) @item
(append "list" @context (name) @name) @item
(macro "macro" @context (name) @name) @item
(schedule "schedule" @context (name) @name) @item
(template "template" @context (name) @name) @item
(table "table" @context (name) @name) @item
(route "route" @context (string) @name) @item
(otherwise "otherwise" @name) @item
(test "test" @context (string) @name) @item
