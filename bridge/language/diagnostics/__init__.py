"""Source text, places in it, diagnostics as values, and how they are printed."""
