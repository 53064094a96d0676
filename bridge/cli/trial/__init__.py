"""What the verbs that try routes on recorded alerts share: arguments, progress and reports."""
