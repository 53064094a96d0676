"""The operator API as the console serves it: searches itself, everything else by the bridge."""
