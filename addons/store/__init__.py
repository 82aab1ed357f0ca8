"""Where finished exchanges are kept: records in an append-only TinyDB, packed bodies, and their writer."""
