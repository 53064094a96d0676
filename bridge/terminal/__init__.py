"""From Falco's alerts about terminals to the commands that were typed. Pure."""
