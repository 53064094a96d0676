"""Reading routes and alert files, and running route tests."""
