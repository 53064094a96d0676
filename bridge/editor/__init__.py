"""What editors show about ``.route`` files: answers to a place in a text, computed from the checked routes."""
