"""Tests of recorded traces that are played again."""
