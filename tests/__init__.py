"""Tests; the folders mirror `addons/` and `transformers/`."""
