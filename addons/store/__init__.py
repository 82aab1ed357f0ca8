"""What is kept of finished exchanges; the only package that knows TinyDB."""
