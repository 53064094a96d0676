"""What the pages and the API show: recorded alerts, routes, terminal sessions, tests of channels."""
