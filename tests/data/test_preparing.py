"""Datasets made by their scripts, in processes of their own."""

from pathlib import Path

import pytest

from polygym.config.model import Dataset
from polygym.data.preparing import preparation_of, prepare
from polygym.protocol.errors import ConfigError, InputError


def dataset(tmp_path: Path, script: str | None = None) -> Dataset:
    fields: dict[str, object] = {"prepare_script": "make.py"}
    if script is None:
        fields = {}
    else:
        (tmp_path / "make.py").write_text(script)
    return Dataset("made", "benchmark", tmp_path / "made.jsonl", 1, fields)


def run(tmp_path: Path, script: str, **arguments: object) -> Path:
    return prepare(preparation_of(dataset(tmp_path, script), [tmp_path], "c.yaml:1"), [tmp_path], arguments)


def test_a_script_finds_modules_of_the_root_and_gets_its_arguments(tmp_path: Path) -> None:
    (tmp_path / "shared.py").write_text("TEXT = 'row '\n")
    script = (
        "from pathlib import Path\nfrom shared import TEXT\n"
        "def prepare(n=1):\n    Path(__file__).with_name('made.jsonl').write_text(TEXT * n)\n"
    )

    assert run(tmp_path, script, n=2).read_text() == "row row "


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("def prepare():\n    raise OSError('no network')\n", "ended with 1"),
        ("def prepare():\n    pass\n", "ended well, but dataset 'made' is not at"),
        ("def other():\n    pass\n", "ended with 1"),
    ],
)
def test_a_script_that_makes_nothing_is_named(tmp_path: Path, script: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        run(tmp_path, script)


def test_an_argument_that_the_function_does_not_take_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError):
        run(tmp_path, "def prepare():\n    pass\n", split="test")
    assert "unexpected keyword argument 'split'" in capfd.readouterr().err


def test_a_dataset_without_a_script_cannot_be_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"c\.yaml:1: dataset 'made' has no prepare_script"):
        preparation_of(dataset(tmp_path), [tmp_path], "c.yaml:1")


def test_a_script_that_is_nowhere_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no prepare_script 'make\.py' in any of"):
        preparation_of(dataset(tmp_path, ""), [tmp_path / "elsewhere"], "c.yaml:1")
