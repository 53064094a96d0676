"""The checked program: routes, conditions, field kinds, templates, schedules."""
