"""The index of the history: which alerts may contain which words. It is derived from the journal and can be rebuilt."""
