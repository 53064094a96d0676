"""The services of Apprise, with the bridge's own messages, connections and e-mail."""
