"""Brings servers up, connects them, watches them, takes them down. Alone knows where each one lives."""
