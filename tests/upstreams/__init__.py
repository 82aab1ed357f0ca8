"""Scripted upstreams: providers that say what a test tells them, and keep every byte they were sent."""
