"""Real client programs at work through the gateway."""
