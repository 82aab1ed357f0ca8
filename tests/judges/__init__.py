"""Readers that other people wrote and that forgive nothing: the official SDKs."""
