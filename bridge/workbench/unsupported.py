"""What the language already has and the bridge does not yet act upon: told before it starts, not found out at night."""

from __future__ import annotations

from bridge.language.program.program import Program, Route


def not_acted_upon(program: Program) -> list[str]:
    """A sentence for each route that asks for what only ``check`` knows so far."""
    return [
        f'{route.span.path}:{route.span.line}: route "{route.name}" uses `{clause}`, which is checked '
        "but not yet acted upon; take it out until it is"
        for route in program.routes
        for clause in clauses_with_memory(route)
    ]


def clauses_with_memory(route: Route) -> list[str]:
    """The clauses of a route that need memory."""
    return [*(clause.keyword for clause in route.memory), *(["to … after"] if route.escalations else [])]
