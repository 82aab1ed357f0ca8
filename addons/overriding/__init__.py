"""Overrides: what an operator changes in a channel's requests, last before they are sent."""
