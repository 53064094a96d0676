"""Renders a message in the form of each service, with all text escaped. Pure."""
