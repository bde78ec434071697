from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from polygym.config.yaml_reader import Document, read_yaml
from polygym.protocol.errors import ConfigError

NUMBERLIKE = st.text(alphabet="0123456789.eE+-_:xob", min_size=1, max_size=8)
WORDS = st.sampled_from(
    ["true", "Yes", "off", "null", "~", "y", "NO", "2024-01-01", "2024-01-01T10:00:00Z", ".inf", ".nan", "0x1F", "010"]
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def read(file: Path, text: str) -> Document:
    file.write_text(text, encoding="utf-8")
    return read_yaml(file)


def refusal(file: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(file, text)
    return str(caught.value)


def read_by_omegaconf(file: Path) -> Any:
    try:
        return OmegaConf.to_container(OmegaConf.load(file))
    except (yaml.YAMLError, OmegaConfBaseException, ValueError):
        return None


@given(scalar=NUMBERLIKE | WORDS)
def test_scalars_are_read_as_omegaconf_reads_them(tmp_path_factory: pytest.TempPathFactory, scalar: str) -> None:
    file = tmp_path_factory.getbasetemp() / "scalar.yaml"
    file.write_text(f"value: {scalar}\n", encoding="utf-8")
    expected = read_by_omegaconf(file)
    if expected is None:
        with pytest.raises(ConfigError):
            read_yaml(file)
    else:
        value, wanted = read_yaml(file).tree["value"], expected["value"]
        assert (type(value), str(value)) == (type(wanted), str(wanted))


def test_an_exponent_makes_a_float_and_a_date_stays_text(file: Path) -> None:
    document = read(file, "rate: 1e-3\nday: 2024-01-01\nport: 8000\n")

    assert document.tree == {"rate": 0.001, "day": "2024-01-01", "port": 8000}


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "null\n"])
def test_an_empty_file_is_an_empty_mapping(file: Path, text: str) -> None:
    assert read(file, text).tree == {}


def test_every_key_and_list_entry_has_its_line(file: Path) -> None:
    document = read(file, "# comment\na:\n  b: 1\n  c:\n  - x: 1\n    y: 2\n  - 3\n")

    lines = {path: line for path, line, _ in document.lines}

    assert lines == {
        ("a",): 2,
        ("a", "b"): 3,
        ("a", "c"): 4,
        ("a", "c", 0): 5,
        ("a", "c", 0, "x"): 5,
        ("a", "c", 0, "y"): 6,
        ("a", "c", 1): 7,
    }


def test_anchors_and_merge_keys_work(file: Path) -> None:
    document = read(file, "base: &base\n  x: 1\n  y: 2\nother:\n  <<: *base\n  y: 3\nthird: *base\n")

    assert document.tree == {"base": {"x": 1, "y": 2}, "other": {"x": 1, "y": 3}, "third": {"x": 1, "y": 2}}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: [1, 2\nb: 3\n", ":2:"),
        ("a:\n  b: 1\n c: 2\n", ":3:2:"),
        ("a: 1\nb: 2\na: 3\n", ":3:1:"),
        ("a:\n  x: 1\n  x: 2\n", ":3:3:"),
        ("a: 1\n---\nb: 2\n", ":2:1:"),
        ("a: !!python/object:os.system {}\n", ":1:4:"),
        ("a: !!timestamp 2024-01-01\n", ":1:4:"),
        ("a: *nowhere\n", ":1:4:"),
        ("- 1\n- 2\n", ":1:1:"),
        ("just text\n", ":1:1:"),
        ("null: 1\n", ":1:1:"),
        ("? [1, 2]\n: 3\n", ":1:3:"),
        ("a: &loop\n  b: *loop\n", ":1:4:"),
        ("a: 1\nb: \x07\n", ":2:"),
        ("a:\tb: 1\n", ":1:"),
    ],
)
def test_malformed_yaml_is_refused_with_line_and_column(file: Path, text: str, place: str) -> None:
    assert refusal(file, text).startswith(f"{file}{place}")


def test_a_duplicate_key_is_named(file: Path) -> None:
    assert "duplicate key 'port'" in refusal(file, "port: 1\nport: 2\n")


def test_a_value_that_its_tag_cannot_hold_is_refused(file: Path) -> None:
    assert str(file) in refusal(file, "a: !!int many\n")


def test_a_missing_file_a_folder_and_foreign_bytes_are_refused(tmp_path: Path) -> None:
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"a: \xff\xfe")
    for path in (tmp_path / "missing.yaml", tmp_path, binary):
        with pytest.raises(ConfigError, match=path.name):
            read_yaml(path)
