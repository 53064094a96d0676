"""The index over all routes: columns, alternatives, tables."""
