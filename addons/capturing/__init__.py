"""Capture: tools that cannot change their base URL reach the gateway by way of a proxy for the providers' own hosts."""
