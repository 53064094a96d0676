"""Body templates of channels."""
