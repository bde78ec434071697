from pathlib import Path

import pytest

from polygym.fleet.placement import place
from polygym.fleet.requirements import named_gyms, requirement_lines, unmet_requirements
from tests.fleet.components import instance, write


def folder_with(root: Path, lines: str) -> Path:
    return write(root, "requirements.txt", lines).parent


def test_comments_empty_lines_and_the_gym_itself_are_no_requirements(tmp_path: Path) -> None:
    lines = """
        # what this needs

        polygym
        polygym[venv]>=0.1
        -e nemo-gym[dev] @ ../../
        nemo_gym == 0.5.1
        -e ../..
        -e ../../
        polygym-extras
        aiohttp>=3  # with a comment
    """
    assert requirement_lines(folder_with(tmp_path, lines)) == ["polygym-extras", "aiohttp>=3"]
    assert requirement_lines(tmp_path / "elsewhere") == []


def test_the_gym_is_named_by_a_line_or_by_the_checkout_that_a_line_points_to(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "nemo_gym"\n')
    folder = tmp_path / "resources_servers" / "maze"
    write(folder, "requirements.txt", "-e ../../\npolygym[venv]\n")
    assert named_gyms(folder) == {"nemo-gym", "polygym"}


@pytest.mark.parametrize(
    ("line", "is_met"),
    [
        ("aiohttp", True),
        ("AioHTTP>=3", True),
        ("aiohttp<1", False),
        ("aiohttp[speedups]>=3", True),
        ("no-such-package-anywhere", False),
        ("no-such-package-anywhere; python_version < '3.0'", True),
        ("aiohttp @ https://example.org/aiohttp.whl", False),
        ("-r more.txt", False),
        ("./local", False),
    ],
)
def test_a_requirement_is_met_when_the_interpreter_has_that_version(tmp_path: Path, line: str, is_met: bool) -> None:
    assert unmet_requirements(folder_with(tmp_path, line)) == ([] if is_met else [line])


def test_a_server_is_embedded_if_it_can_and_in_a_process_if_it_must(tmp_path: Path) -> None:
    write(tmp_path, "resources_servers/plain/app.py", "")
    write(tmp_path, "resources_servers/met/requirements.txt", "aiohttp")
    write(tmp_path, "resources_servers/unmet/requirements.txt", "no-such-package-anywhere")

    assert place(instance(tmp_path, "plain", "resources_servers")) == "embedded"
    assert place(instance(tmp_path, "met", "resources_servers")) == "embedded"
    assert place(instance(tmp_path, "unmet", "resources_servers")) == "process"
    assert place(instance(tmp_path, "far", "resources_servers", url="http://node7:8000")) == "remote"
    assert place(instance(tmp_path, "unmet", "resources_servers", placement="embedded")) == "embedded"
    assert place(instance(tmp_path, "plain", "resources_servers", placement="process")) == "process"
