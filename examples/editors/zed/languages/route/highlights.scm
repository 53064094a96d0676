(comment) @comment
(string) @string
[(count) (number) (duration) (days) (dates) (hours)] @number

(field) @property
(step_field) @property
(attribute) @property
(key (name) @property)
(function) @function
(macro_use) @function
(macro (name) @function)
(channel) @constant
(severity (name) @constant)

[
  "import" "falco" "list" "macro" "schedule" "template" "redact" "matching" "table" "where" "route" "otherwise" "test"
  "when" "during" "new" "unless" "after" "then" "with" "absent" "group" "throttle" "to" "fields" "link" "severity"
  "title" "message" "use" "resolve" (drop) (stop)
  "distinct" "else" "in" "by" "learn" "within" "wait" "every" "limit" "per"
  "event" "ack" "silence" "for" "expect" "nothing" "count"
] @keyword

[
  "and" "or" "not" "exists"
  "contains" "icontains" "bcontains" "startswith" "bstartswith" "endswith" "glob" "iglob" "regex" "intersects" "pmatch"
  (quantifier)
] @keyword.operator

["=" "==" "+=" "!=" "<" "<=" ">" ">="] @operator
["(" ")" "{" "}"] @punctuation.bracket
"," @punctuation.delimiter
