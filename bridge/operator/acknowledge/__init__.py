"""The page on which readers of a message acknowledge its incident."""
