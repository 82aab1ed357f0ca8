"""Tests of what stored requests tell when they are looked at together."""
