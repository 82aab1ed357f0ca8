"""The gateway: everything that knows mitmproxy, the configuration or storage."""
