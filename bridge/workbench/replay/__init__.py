"""Routes recorded alerts in virtual time: what routes would have sent, per channel and route, over time."""
