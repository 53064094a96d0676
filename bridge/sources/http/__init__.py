"""What Falco's http_output posts."""
