import os
from pathlib import Path

import pytest

from polygym.config.roots import find, install_root, search_roots
from polygym.protocol.errors import ConfigError


def folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


def test_roots_are_searched_from_the_most_personal_to_the_built_in(tmp_path: Path) -> None:
    given, nemo, ours, cwd = (folder(tmp_path / name) for name in ("given", "nemo", "ours", "cwd"))
    environ = {"NEMO_GYM_EXTRA_ROOTS": f"{nemo}{os.pathsep}", "POLYGYM_EXTRA_ROOTS": str(ours)}

    assert search_roots([given], environ, cwd) == (given, nemo, ours, cwd, install_root())


def test_a_root_that_is_named_twice_keeps_its_first_place(tmp_path: Path) -> None:
    cwd, extra = folder(tmp_path / "cwd"), folder(tmp_path / "cwd" / "extra")
    environ = {"NEMO_GYM_EXTRA_ROOTS": os.pathsep.join([str(cwd), str(extra)])}

    assert search_roots(["extra"], environ, cwd)[:-1] == (extra, cwd)


def test_a_search_dir_that_does_not_exist_is_refused_and_one_of_the_environment_passed_over(tmp_path: Path) -> None:
    assert search_roots([], {"POLYGYM_EXTRA_ROOTS": "/does/not/exist"}, tmp_path)[0] == tmp_path
    with pytest.raises(ConfigError, match="nowhere: there is no such folder"):
        search_roots(["nowhere"], {}, tmp_path)


def test_the_first_root_that_has_a_file_wins(tmp_path: Path) -> None:
    one, two = folder(tmp_path / "one"), folder(tmp_path / "two")
    (two / "x.yaml").touch()

    assert find([one, two], "x.yaml") == two / "x.yaml"
    (one / "x.yaml").touch()
    assert find([one, two], "x.yaml") == one / "x.yaml"
    assert find([one], two / "x.yaml") == two / "x.yaml"
    assert find([one, two], "y.yaml") is None


def test_a_clone_is_its_own_install_root() -> None:
    assert install_root() == Path(__file__).parents[2]
