"""The table of environments is that of the environments there are."""

from pathlib import Path

import pytest

from polygym.kit.table import updated_page
from polygym.protocol.errors import InputError
from tests.config.project import Project
from tests.docs.pages import ROOT

PAGE = ROOT / "docs" / "environments" / "README.md"


def test_the_table_in_the_documentation_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == updated_page(PAGE, ROOT), f"run: python -m polygym.kit.table {PAGE}"


def test_a_table_replaces_the_one_below_the_heading_and_nothing_else(tmp_path: Path) -> None:
    project = Project(tmp_path)
    config = project.environment("weather")
    config.write_text(config.read_text().replace("verified: false", "manifest: {core_capabilities: [tool_use]}"))
    project.write("resources_servers/weather/README.md", "# weather")
    page = project.write("docs/table.md", "# Page\n\n## Environments\n\n| old |\n\n## After\n\nText.\n")

    page.write_text(updated_page(page, project.root))

    text = page.read_text()
    assert text.startswith("# Page\n\n## Environments\n\n| environment |")
    assert "| [`weather`](../resources_servers/weather/README.md) |  | tool_use |" in text
    assert text.endswith("\n\n## After\n\nText.\n") and "old" not in text
    assert updated_page(page, project.root) == text


def test_a_page_without_the_heading_is_refused(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("# Page\n")

    with pytest.raises(InputError, match="## Environments"):
        updated_page(tmp_path / "page.md", tmp_path)
