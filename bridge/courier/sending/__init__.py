"""One channel: its threads, its rate, its batches, and what its answers mean."""
