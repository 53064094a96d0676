"""A delivery out, an outcome back: Apprise's services and our own. No retry policy here."""
