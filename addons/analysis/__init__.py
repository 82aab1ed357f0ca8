"""What stored requests tell when they are looked at together: agents, prompt caches, comparisons."""
