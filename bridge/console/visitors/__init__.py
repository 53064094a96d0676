"""Who may see the console and who may act; how visitors sign in."""
