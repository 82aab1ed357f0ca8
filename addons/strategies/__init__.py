"""Load-balancing strategies: pure functions that score the channels fit for an exchange."""
