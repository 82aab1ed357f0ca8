"""The gateway as a process of its own, seen from outside: what must hold whatever it is made of."""
