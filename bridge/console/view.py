"""Makes pages of templates. Every value is escaped, and control characters in it are shown, not obeyed."""

from __future__ import annotations

import re
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape
from starlette.responses import HTMLResponse, Response

from bridge.common.clocks.times import SECOND_NS, iso_text
from bridge.common.text import one_line, visible
from bridge.console.data.rows import row_of

if TYPE_CHECKING:
    from jinja2 import Environment

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_FOLDER = Path(__file__).parent
STATIC = _FOLDER / "static"
_LONGEST = 4000
_CLOCK = re.compile(r"\b((?:since|at|until|of) (?:\d{4}-\d\d-\d\d )?\d\d:\d\d(?::\d\d)?)\b(?! UTC)")


def message(status: int, title: str, text: str) -> Response:
    """A page with one sentence."""
    return HTMLResponse(render("message.html", {"title": title, "text": text}), status, HEADERS)


def render(template: str, values: dict[str, Any]) -> str:
    """A page as HTML."""
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    made.filters |= {
        "shown": shown,
        "line": line,
        "when": when,
        "ago": ago,
        "span": span,
        "row": row_of,
        "in_utc": in_utc,
    }
    return made


def shown(value: object) -> str:
    """A value as text, at most 4,000 characters."""
    text = "" if value is None else str(value)
    return visible(text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …", keep="\n\t")


def line(value: object, length: int = 200) -> str:
    """A value in one line."""
    return one_line("" if value is None else str(value), length)


def when(time_ns: int | None) -> Markup:
    """A time in UTC, which the page's script shows in the visitor's zone."""
    if not time_ns:
        return Markup("never")
    text = iso_text(time_ns)
    shown_text = f"{text[:10]} {text[11:19]} UTC"
    return Markup('<time datetime="{}">{}</time>').format(escape(text), shown_text)  # the format is ours


def in_utc(text: str) -> str:
    """A detail of a decision whose times of day are in UTC, with that word: other times are in the visitor's zone."""
    return _CLOCK.sub(r"\1 UTC", text)


def ago(time_ns: int | None) -> str:
    """How long ago a time is: ``3 min``."""
    if not time_ns:
        return "never"
    return span(time.time_ns() - time_ns)


def span(length_ns: int) -> str:
    """A length of time: ``3 min``."""
    seconds = max(0, length_ns // SECOND_NS)
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
