"""The commands: one file a verb. The only room that prints and exits."""
