"""What native channels share: the parts of their URLs, HTTP, labels, and libraries that may be missing."""
