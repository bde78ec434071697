"""Real clients of NeMo Gym, run against polygym with the code that their authors publish. README.md says how."""
