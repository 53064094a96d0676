"""Arguments that verbs share."""
