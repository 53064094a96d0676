"""The language server's work at a change of one letter in a file of 500 routes.

CPU time until the problems are known, without the second pass, which examines routes for what never matches.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.figures import Figure
from bridge.editor.completion import complete
from bridge.editor.project import Project

_ROUTES = 500
_CHANGES = 60
_ROUTE = """\
route "route {n}" {{
  when      proc.name in (bash, sh, zsh{n}) and k8s.ns.name = "ns-{n}" and not user.name = root
  throttle  3 per 10m by k8s.pod.name
  to        secops
  severity  critical
  title     "%rule in %k8s.ns.name"
}}
"""


def figures() -> Iterator[Figure]:
    """Milliseconds of CPU, the median and the 95th percentile."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "many.route")
        text = "".join(_ROUTE.format(n=number) for number in range(_ROUTES))
        project = Project(texts={path: text})
        Path(path).write_text(text, encoding="utf-8")
        started = time.process_time()
        project.snapshot(path)
        yield Figure(f"{_ROUTES} routes, first", (time.process_time() - started) * 1000, "ms")
        checks, completions = [], []
        for number in range(_CHANGES):
            at = text.index(f'"ns-{number * 8}"') + 1
            text = f"{text[:at]}x{text[at:]}"
            project.texts[path] = text
            started = time.process_time()
            snapshot = project.snapshot(path, advice=False)
            checks.append((time.process_time() - started) * 1000)
            started = time.process_time()
            complete(snapshot, snapshot.files[path], text, at)
            completions.append((time.process_time() - started) * 1000)
        for name, times in (("a change", checks), ("completion", completions)):
            times.sort()
            yield Figure(f"{_ROUTES} routes, {name}: median", times[len(times) // 2], "ms")
            yield Figure(f"{_ROUTES} routes, {name}: p95", times[len(times) * 95 // 100], "ms")
