"""The verbs that read the journal's history."""
