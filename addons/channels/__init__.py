"""Channel types: what kinds of upstream account there are, and how each is addressed and signed."""
