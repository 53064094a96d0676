"""The index over the conditions of all routes."""
