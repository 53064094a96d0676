"""Words and characters of other tools, and misplaced punctuation."""

from __future__ import annotations

import re

from bridge.common.suggest import nearest
from bridge.language.syntax.mistakes.remedy import Context, Edit, Remedy
from bridge.language.syntax.reserved import CLAUSES, RESERVED, STATEMENTS, STEPS

SMART_QUOTES = "“”‘’„«»"
OPERATORS = (
    "contains", "icontains", "bcontains", "startswith", "bstartswith", "endswith", "glob", "iglob", "regex", "in",
    "intersects", "pmatch", "exists",
)  # fmt: skip
_LOGIC = {"&&": "and", "||": "or", "!": "not", "AND": "and", "OR": "or", "NOT": "not"}
_COMPARISONS = {"matches": "regex", "like": "glob", "is": "=", "equals": "=", "eq": "=", "ne": "!=", "has": "contains",
                "includes": "contains", "isnt": "!=", "is_not": "!=", "neq": "!=", "not_equals": "!=", "gt": ">",
                "lt": "<",
                "gte": ">=", "ge": ">=", "lte": "<=", "le": "<=", "starts_with": "startswith", "ends_with": "endswith",
                "beginswith": "startswith", "begins": "startswith", "starts": "startswith", "ends": "endswith",
                "icontain": "icontains", "wildcard": "glob", "re": "regex", "rematch": "regex"}  # fmt: skip
_COMMENTS = {"//": "#", "/*": "#", "–": "-", "—": "-"}
_CLAUSES = {
    "if": "when", "notify": "to", "send": "to", "channel": "to", "channels": "to", "priority": "severity",
    "ignore": "drop", "discard": "drop", "schedule": "during", "text": "message", "condition": "when",
    "body": "message", "subject": "title", "level": "severity",
}  # fmt: skip
"""Words of other tools, and the clause that replaces them."""
_STATEMENTS = {
    "include": "import", "require": "import", "use": "import", "rule": "route", "alert": "route",
    "default": "otherwise", "else": "otherwise", "filter": "where", "define": "macro", "var": "list",
}  # fmt: skip
_KEYWORDS = frozenset((*CLAUSES, *STATEMENTS, *STEPS, "by", "per", "wait", "in", "within"))
_LAST_WORD = re.compile(r"(\w+)$")
CHANNEL_LIST = re.compile(r"\bto\s+[\w.-]+(?:\s*,\s*[\w.-]+)*$")
_URL = re.compile(r"\bto\s+(?:[\w.-]+\s*,\s*)*([A-Za-z][\w.+-]*)$")
_FALCO_ITEM = re.compile(r"-\s+(rule|macro|list|required_engine_version)\s*:")
_JSON = re.compile(r"(?:\[\s*)?\{\s*\"")
_YAML_KEY = re.compile(r"([\w-]+):(?=\s|$)|---(?=\s|$)")
_STATEMENT = re.compile(rf"^(?:{'|'.join(STATEMENTS)})[ \t]+[^\s:]", re.MULTILINE)
_SEND_TO = re.compile(r"(?:send|notify|deliver|alert|route)\s+to\b")
_CONDITION = re.compile(
    r"(?:not\s+)?\(*\w[\w.\[\]-]*\s*(?:==?|!=|>=?|<=?|(?:in|contains|icontains|startswith|endswith|exists|regex|glob"
    r"|intersects|pmatch)\b)"
)


def pasted_rule(context: Context) -> Remedy | None:
    """A rule of Falco's YAML files."""
    found = _FALCO_ITEM.match(context.rest_of_line) if context.wants_statement and context.found == "-" else None
    if found is None:
        return None
    return Remedy(
        'store it in its own YAML file and write: import falco "falco_rules.yaml"',
        message=f"this is a {found[1]} of a Falco rules file, not a route",
        place=(context.start, context.start + len(found[0])),
        other_language=_no_statement(context),
    )


def pasted_yaml(context: Context) -> Remedy | None:
    """A key of a YAML file."""
    found = _YAML_KEY.match(context.rest_of_line) if context.wants_statement and not context.ends_condition else None
    if found is None or found[1] in STATEMENTS:
        return None
    return Remedy(
        'routes are written: route "NAME" { when … to CHANNEL }; a config is given with --config',
        message="this is YAML, not a route",
        place=(context.start, context.start + len(found[0])),
        other_language=_no_statement(context),
    )


def pasted_alert(context: Context) -> Remedy | None:
    """An object of JSON, as in a file of alerts."""
    if not context.wants_statement or _JSON.match(context.text, context.start) is None:
        return None
    return Remedy(
        "files of alerts are given with --alerts",
        message="this is JSON, not a route",
        other_language=_no_statement(context),
    )


def _no_statement(context: Context) -> bool:
    return _STATEMENT.search(context.text) is None


def punctuation(context: Context) -> Remedy | None:
    """A colon, an equals sign or a semicolon that belongs to other languages."""
    last = _LAST_WORD.search(context.before)
    if context.found == ":" and "EQ" in context.expected:
        text = " =" if context.rest_of_line[1:2] == " " else " = "
        return Remedy("write `=`", Edit(context.start, context.end, text), certain=True)
    if context.found == ":" and context.rest_of_line.startswith("://"):
        url = _URL.search(context.before)
        if url is not None:
            end = context.start + len(re.split(r"[\s,}]", context.rest_of_line)[0])
            return Remedy(
                f"name the URL in the config, such as channels: {{{url[1]}: {url[1]}://…}}, and write `to {url[1]}`",
                Edit(context.offset(url, 1), end, url[1]), message="a route names channels, not URLs",
                place=(context.offset(url, 1), end),
            )  # fmt: skip
    if context.found == ":" and last is not None and last[1] in _KEYWORDS:
        space = "" if context.rest_of_line[1:2].isspace() else " "
        return Remedy("remove the colon", Edit(context.start, context.end, space), certain=True)
    if context.found == "=" and last is not None and last[1] in CLAUSES:
        end = context.end + (context.rest_of_line[1:2] == " ")
        return Remedy("remove `=`", Edit(context.start, end, ""), certain=True)
    if context.found == ":" and "LBRACE" in context.expected:
        return Remedy("write `{`, and `}` at the end of the block", Edit(context.start, context.end, " {"))
    if context.found == ";":
        return Remedy("remove `;`", Edit(context.start, context.end, ""), certain=True)
    return None


def other_words(context: Context) -> Remedy | None:
    """Another word or character is used here."""
    found, expected = context.found, context.expected
    sent = _SEND_TO.match(context.rest_of_line) if "SEVERITY" in expected else None
    if sent is not None:
        return Remedy("write `to`", Edit(context.start, context.start + len(sent[0]), "to"), certain=True)
    if found.lower() in OPERATORS and found != found.lower() and "WORD_OPERATOR" in expected:
        return context.replace(found.lower())
    logic = _LOGIC.get(found)
    if logic is not None and ("AND" in expected) == (logic != "not") and not CHANNEL_LIST.search(context.before):
        return _spaced(context, logic)
    for words, wanted in ((_COMPARISONS, "WORD_OPERATOR"), (_CLAUSES, "SEVERITY"), (_COMMENTS, "")):
        word = words.get(found) or (words.get(found.lower()) if found.isupper() else None)
        if word is not None and (wanted in expected or not wanted):
            return context.replace(word)
    if found in _STATEMENTS and context.wants_statement and not context.ends_condition:
        return context.replace(_STATEMENTS[found], certain=found == "include")
    if found == "if" and context.wants_statement:
        return Remedy('write: route "NAME" { when … to CHANNEL }')
    if found[0] in SMART_QUOTES:
        return _smart_quotes(context)
    if not found.isprintable():
        blank = found.isspace()
        return Remedy("invisible character: use a plain space", Edit(context.start, context.end, " "), certain=blank)
    return None


def _smart_quotes(context: Context) -> Remedy:
    end = re.compile(rf"[^\n{SMART_QUOTES}]*[{SMART_QUOTES}]").match(context.text, context.end)
    if end is None:
        return Remedy('use straight quotes: "')
    inner = context.text[context.end : end.end() - 1]
    edit = Edit(context.start, end.end(), f'"{inner}"')
    return Remedy('use straight quotes: "', edit, certain='"' not in inner and "\\" not in inner)


def _spaced(context: Context, word: str) -> Remedy:
    """A logical word, with the spaces that it needs and the operator did not."""
    text = context.text
    lead = "" if context.start == 0 or text[context.start - 1].isspace() or text[context.start - 1] == "(" else " "
    trail = "" if text[context.end : context.end + 1].isspace() else " "
    return Remedy(f"write `{word}`", Edit(context.start, context.end, f"{lead}{word}{trail}"), certain=True)


def missing_when(context: Context) -> Remedy | None:
    """A condition without its keyword."""
    if not context.wants_clause or _CONDITION.match(context.rest_of_line) is None or context.found in CLAUSES:
        return None
    if context.ends_condition:
        if context.line_before.strip():
            return None
        return context.insert("and ", "missing `and` or `or` before it")
    return context.insert("when ", "write `when` before the condition")


def unnamed_route(context: Context) -> Remedy | None:
    """A route without a name."""
    if context.found == "{" and context.expected == {"STRING"} and context.before.endswith(("route", "test")):
        word = context.before.rsplit(None, 1)[-1].strip("{}")
        return context.insert('"NAME" ', f'give it a name: {word} "NAME" {{')
    return None


def similar_word(context: Context) -> Remedy | None:
    """A misspelt keyword or operator."""
    found = nearest(context.found, _candidates(context.expected))
    if found is None or found == context.found:
        return None
    certain = found == context.found.lower()
    return Remedy(f"did you mean `{found}`?", Edit(context.start, context.end, found), certain)


def _candidates(expected: frozenset[str]) -> tuple[str, ...]:
    """The words that are allowed there, for a suggestion."""
    if "LIST" in expected and "AND" not in expected:
        return STATEMENTS
    if "WORD_OPERATOR" in expected:
        return OPERATORS
    if "EXPECT" in expected:
        return STEPS
    return CLAUSES if "TO" in expected else tuple(sorted(RESERVED & {name.lower() for name in expected}))
