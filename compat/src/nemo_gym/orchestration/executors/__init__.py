"""How jobs get onto a cluster."""
