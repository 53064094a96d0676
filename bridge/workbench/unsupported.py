"""The clauses that `check` accepts and the bridge does not implement yet: those with memory."""

from __future__ import annotations

from bridge.language.program.program import Program, Route


def unsupported_clauses(program: Program) -> list[str]:
    """A sentence for each use of a clause that is not implemented. The bridge does not start with one."""
    return [
        f'{route.span.path}:{route.span.line}: route "{route.name}" uses `{clause}`, which is not implemented yet; '
        "remove the clause"
        for route in program.routes
        for clause in clauses_with_memory(route)
    ]


def clauses_with_memory(route: Route) -> list[str]:
    """The keywords of the route's clauses with memory."""
    return [*(clause.keyword for clause in route.memory), *(["to … after"] if route.escalations else [])]
