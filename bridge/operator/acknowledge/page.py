"""The HTML of the acknowledgement page. Pure. Everything on it is escaped, and it works without JavaScript."""

from __future__ import annotations

from html import escape

from bridge.alert import Priority
from bridge.common.clocks.times import iso_text
from bridge.common.text import one_line
from bridge.routing.memory.engine import IncidentRecord
from bridge.routing.memory.incident import IncidentState

LONGEST_NAME = 60
"""Characters of the name that a person may give."""
_WIDTH = 200
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 34em; margin: 3em auto; padding: 0 1em; color: #1c2024; }}
dl {{ display: grid; grid-template-columns: max-content auto; gap: .25em 1em; }}
dt {{ color: #5c6570; }} dd {{ margin: 0; overflow-wrap: anywhere; }}
input, button {{ font: inherit; padding: .4em .7em; }} button {{ cursor: pointer; }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""
_FORM = """<form method="post">
<p><label>Your name (optional) <input name="name" maxlength="{longest}" autocomplete="name"></label></p>
<p><button type="submit">Acknowledge</button></p>
</form>
<p>This cancels the escalations of the incident. Further alerts of it are still sent.</p>
"""


def incident_page(record: IncidentRecord) -> str:
    """The incident; with a button while it is open."""
    incident = record.incident
    rows = _rows(record)
    match incident.state:
        case IncidentState.OPEN:
            return _page("Acknowledge this incident?", rows + _FORM.format(longest=LONGEST_NAME))
        case IncidentState.ACKNOWLEDGED:
            return _page("Acknowledged", rows)
        case _:
            return _page("This incident has ended", rows)


def message_page(title: str, text: str) -> str:
    """A page with one sentence."""
    return _page(title, f"<p>{escape(text)}</p>\n")


def _page(title: str, body: str) -> str:
    return _PAGE.format(title=escape(title), body=body)


def _rows(record: IncidentRecord) -> str:
    incident = record.incident
    actor = one_line(incident.actor, _WIDTH)
    rows = {
        "Route": one_line(record.route, _WIDTH),
        "Incident": one_line(incident.passage.shown, _WIDTH),
        "Severity": str(Priority(incident.passage.severity)),
        "Alerts": str(incident.count),
        "Since": _time(incident.opened_ns),
        "Latest": _time(incident.matched_ns),
        "Notified": one_line(", ".join(incident.notified), _WIDTH),
        incident.state.value.capitalize(): f"{_time(incident.changed_ns)}{f' by {actor}' if actor else ''}"
        if incident.state is not IncidentState.OPEN else "",
    }  # fmt: skip
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>\n" for name, value in rows.items() if value)
    return f"<dl>\n{listed}</dl>\n"


def _time(at_ns: int) -> str:
    return f"{iso_text(at_ns)[:19].replace('T', ' ')} UTC"
