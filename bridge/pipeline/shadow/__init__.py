"""A second set of routes on live traffic."""
