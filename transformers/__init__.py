"""Converters between wire protocols: bytes and values only, without I/O, clock or mitmproxy."""
