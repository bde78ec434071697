"""Names of files beside a run's output."""

from pathlib import Path


def failures_path_for(output_fpath: Path) -> Path:
    """The failures file of an output file."""
    return output_fpath.parent / f"{output_fpath.stem}_failures.jsonl"
