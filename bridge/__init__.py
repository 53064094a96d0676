"""falco-bridge: receives Falco's alerts, decides who is notified of each, and delivers.

The rooms, lowest first, each importing only from those before it (``tests/test_layers.py`` enforces it):
common, alert, language, matching, routing, delivery, journal, http, sources, simulate, channels, courier, config,
pipeline, operator, workbench, daemon, cli.
"""

__version__ = "0.1.0"
