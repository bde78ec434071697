"""An environment's manifest, and what is made, checked and released by it."""
