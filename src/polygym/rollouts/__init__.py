"""Tasks in, rollouts out: planning, scheduling, running, recording, resuming."""
