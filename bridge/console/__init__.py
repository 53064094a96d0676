"""The console: web pages about a running bridge and its journal, in a process of its own."""
