"""Administration API and its pages."""
