"""Rows in files: reading them, with where each one stands."""
