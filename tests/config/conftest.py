"""A fresh project for each test."""

from pathlib import Path

import pytest

from tests.config.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty root."""
    return Project(tmp_path)
