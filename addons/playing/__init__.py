"""A recorded trace played as a provider, so that an agent's run repeats without a provider and without tokens."""
