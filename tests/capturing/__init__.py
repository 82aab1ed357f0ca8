"""Tests of what is captured."""
