"""falco-bridge: takes Falco's alerts in, decides who must hear of each, and delivers.

The rooms, lowest first, each importing only from those before it (``tests/test_layers.py`` enforces it):
alert, language, matching, routing, journal, sources, simulate, channels, courier, service, cli.
"""

__version__ = "0.1.0"
