"""Checks what statements contain besides conditions: clauses, destinations, texts, schedules, steps of tests."""
