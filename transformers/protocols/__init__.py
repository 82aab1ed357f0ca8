"""One module for each wire protocol, named after vendor and API."""
