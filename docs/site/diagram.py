"""The way of an alert as SVG: boxes from top to bottom, narrow enough for a phone."""

from __future__ import annotations

from html import escape

from svg import FONT

WIDTH, HEIGHT, GAP, TOP = 400, 46, 30, 16
LEFT, MIDDLE, RIGHT = 28, 148, 268
"""The sides and the middle of the boxes. The acknowledgement runs on their right."""
STAGES = (
    ("Falco", "raises an alert"),
    ("Source", "receives it and removes duplicates"),
    ("Routes", "decide who is notified"),
    ("Journal", "stores alert and decisions on disk"),
    ("Courier", "sends: rates, retries, digests"),
)
CHANNELS = ("Slack", "PagerDuty", "Loki")
TITLE = "The way of an alert from Falco to the channels"


def way_of_an_alert() -> str:
    """Falco, source, routes, journal, courier, channels; acknowledged after the journal's commit."""
    parts: list[str] = []
    y = TOP
    for name, does in STAGES:
        parts += [
            _box(LEFT, y, RIGHT - LEFT, HEIGHT),
            _text(MIDDLE, y + 19, name, bold=True),
            _text(MIDDLE, y + 36, does),
        ]
        y += HEIGHT
        if name != "Courier":
            parts.append(_arrow([(MIDDLE, y), (MIDDLE, y + GAP - 1)]))
            y += GAP
    parts += _to_channels(y)
    parts += _acknowledgement()
    height = y + GAP + 34 + TOP
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="{FONT}">\n<title>{TITLE}</title>\n'
        '<defs><marker id="end" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="#57606a"/></marker></defs>\n'
        f'<rect width="{WIDTH}" height="{height}" rx="8" fill="#fff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _to_channels(y: int) -> list[str]:
    parts, width = [], 88
    for number, name in enumerate(CHANNELS):
        x = MIDDLE + (number - 1) * (width + 8)
        parts += [
            _arrow([(MIDDLE + (number - 1) * 60, y), (x, y + GAP - 1)]),
            _box(x - width // 2, y + GAP, width, 34),
            _text(x, y + GAP + 22, name, bold=True),
        ]
    return parts


def _acknowledgement() -> list[str]:
    """From the journal back to Falco."""
    journal = TOP + 3 * (HEIGHT + GAP) + HEIGHT // 2
    falco = TOP + HEIGHT // 2
    x, middle = RIGHT + 22, (journal + falco) // 2
    return [
        _arrow([(RIGHT, journal), (x, journal), (x, falco), (RIGHT + 1, falco)]),
        _text(x + 10, middle - 8, "acknowledged", anchor="start", size=11),
        _text(x + 10, middle + 8, "when stored", anchor="start", size=11),
    ]


def _box(x: int, y: int, width: int, height: int) -> str:
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="6" fill="#f6f8fa" stroke="#8c959f"/>'


def _text(x: int, y: int, text: str, *, bold: bool = False, anchor: str = "middle", size: int = 12) -> str:
    style = 'font-size="14" font-weight="700"' if bold else f'font-size="{size}"'
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" {style} fill="#1f2328">{escape(text, quote=False)}</text>'


def _arrow(points: list[tuple[int, int]]) -> str:
    line = " ".join(f"{x},{y}" for x, y in points)
    return f'<polyline points="{line}" fill="none" stroke="#57606a" stroke-width="1.5" marker-end="url(#end)"/>'
