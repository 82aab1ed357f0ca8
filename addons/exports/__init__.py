"""Stored requests as files that other programs read: curl, HAR, raw HTTP, JSON, JSON lines, mitmproxy flows."""
