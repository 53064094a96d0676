"""Static analysis of conditions and routes, and explanations of a condition's result for an alert."""
