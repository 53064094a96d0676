"""What a bridge does as a member of a fleet."""
