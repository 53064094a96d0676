"""The parts of a journal that every SQL engine shares."""
