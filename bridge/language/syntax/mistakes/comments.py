"""Comments and line continuations of other languages."""

from __future__ import annotations

import re

from bridge.language.syntax.mistakes.remedy import Context, Edit, Remedy

_BLOCK = re.compile(r"/\*.*?\*/")
_DASHES = re.compile(r"--(?=\s)")


def comments(context: Context) -> Remedy | None:
    """``/* … */``, ``-- …`` and a backslash at the end of a line."""
    block = _BLOCK.match(context.rest_of_line)
    if block is not None:
        end = context.start + block.end()
        rest = context.text[end : end + 1]
        if context.rest_of_line[block.end() :].strip():
            edit = Edit(context.start, end + (rest == " "), "")
            return Remedy("remove it: a comment is `#` to the end of the line", edit, certain=True,
                          place=(context.start, end))  # fmt: skip
        edit = Edit(context.start, end, f"# {block[0][2:-2].strip()}")
        return Remedy("write `#`", edit, certain=True)
    if _DASHES.match(context.rest_of_line) and (
        context.ends_condition or context.wants_statement or context.wants_clause
    ):
        place = (context.start, context.start + 2)
        return Remedy("write `#`", Edit(*place, "#"), place=place)
    if context.found == "\\" and not context.rest_of_line[1:].strip():
        return Remedy("remove it: a line may end anywhere", Edit(context.start, context.end, ""), certain=True)
    return None
