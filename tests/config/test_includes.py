from pathlib import Path

import pytest

from polygym.config.includes import read_documents
from polygym.protocol.errors import ConfigError
from tests.config.project import Project


def merge_order(project: Project, *paths: str) -> list[str]:
    return [document.path.stem for document in read_documents(paths, [project.root], "command line")]


def refusal(project: Project, *paths: str) -> str:
    with pytest.raises(ConfigError) as caught:
        merge_order(project, *paths)
    return str(caught.value)


def test_a_file_comes_after_what_it_includes_and_siblings_in_their_order(project: Project) -> None:
    project.write("top.yaml", "config_paths: [left.yaml, right.yaml]")
    project.write("left.yaml", "config_paths: [deep.yaml]")
    for name in ("deep", "right", "other"):
        project.write(f"{name}.yaml", "x: 1")

    assert merge_order(project, "top.yaml", "other.yaml") == ["deep", "left", "right", "top", "other"]


def test_a_file_that_is_included_twice_belongs_to_where_it_is_nearest(project: Project) -> None:
    project.write("one.yaml", "config_paths: [deep.yaml]")
    project.write("deep.yaml", "config_paths: [shared.yaml]")
    project.write("two.yaml", "config_paths: [shared.yaml]")
    project.write("shared.yaml", "x: 1")

    assert merge_order(project, "one.yaml", "two.yaml") == ["deep", "one", "shared", "two"]


def test_a_file_that_is_given_and_included_stays_where_it_was_given(project: Project) -> None:
    project.write("top.yaml", "config_paths: [shared.yaml]")
    project.write("shared.yaml", "x: 1")

    assert merge_order(project, "top.yaml", "./shared.yaml") == ["top", "shared"]


def test_a_file_that_is_given_twice_counts_at_its_last_place(project: Project) -> None:
    project.write("a.yaml")
    project.write("b.yaml")

    assert merge_order(project, "a.yaml", "b.yaml", "a.yaml") == ["b", "a"]


def test_files_that_include_each_other_are_read_once(project: Project) -> None:
    project.write("a.yaml", "config_paths: [b.yaml]")
    project.write("b.yaml", "config_paths: [a.yaml, b.yaml]")

    assert merge_order(project, "a.yaml") == ["b", "a"]


def test_a_missing_file_is_named_with_who_asked_for_it_and_its_neighbours(project: Project) -> None:
    project.write("configs/top.yaml", "config_paths: [configs/weathr.yaml]")
    project.write("configs/weather.yaml")

    message = refusal(project, "configs/top.yaml")

    assert message.startswith(f"{project.root}/configs/top.yaml:1: there is no config file")
    assert "'configs/weathr.yaml'" in message and "Meant 'configs/weather.yaml'" in message


def test_a_missing_absolute_path_and_a_folder_are_refused(project: Project, tmp_path: Path) -> None:
    assert "there is no config file" in refusal(project, str(tmp_path / "none.yaml"))
    assert "is a folder" in refusal(project, str(tmp_path))


@pytest.mark.parametrize("value", ["a.yaml", "{a: b.yaml}", "[1]", "3"])
def test_config_paths_that_are_no_list_of_paths_are_refused(project: Project, value: str) -> None:
    project.write("top.yaml", f"config_paths: {value}")

    assert "'config_paths' must be a list of paths" in refusal(project, "top.yaml")


def test_config_paths_may_be_null(project: Project) -> None:
    project.write("top.yaml", "config_paths: null")

    assert merge_order(project, "top.yaml") == ["top"]
