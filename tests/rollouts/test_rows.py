from pathlib import Path
from typing import Any

import pytest

from polygym.protocol.errors import OutputError
from polygym.protocol.json import dumps_line
from polygym.protocol.tasks import ROLLOUT_INDEX, TASK_INDEX
from polygym.rollouts.rows import RowReader

DOCUMENT = "A report on the harvest of the year 1911. " * 20


def row_of(task: int, repeat: int) -> dict[str, Any]:
    params = {"input": [{"role": "user", "content": f"{task}: {DOCUMENT}"}], "temperature": 0.5}
    return {"responses_create_params": params, "answers": [1, None, True], TASK_INDEX: task, ROLLOUT_INDEX: repeat}


def read_all(path: Path, rows: list[dict[str, Any]], agent: str = "reader") -> list[dict[str, Any]]:
    """The rows, written to `path` and read again one after another."""
    lines = [dumps_line(row) for row in rows]
    path.write_bytes(b"".join(lines))
    reader = RowReader()
    offsets = [sum(map(len, lines[:at])) for at in range(len(lines))]
    read = [reader.read(path, agent, offset, offsets[-1]) for offset in offsets]
    reader.close()
    return read


def test_repeats_are_read_as_they_were_written(tmp_path: Path) -> None:
    rows = [row_of(task, repeat) for task in range(3) for repeat in range(4)]
    read = read_all(tmp_path / "rows.jsonl", rows)
    assert read == rows
    assert [list(row) for row in read] == [list(row) for row in rows]


def test_what_one_repeat_changes_no_other_sees(tmp_path: Path) -> None:
    lines = [dumps_line(row_of(0, repeat)) for repeat in range(4)]
    (tmp_path / "rows.jsonl").write_bytes(b"".join(lines))
    reader = RowReader()
    for repeat in range(4):
        row = reader.read(tmp_path / "rows.jsonl", "reader", sum(map(len, lines[:repeat])), 0)
        assert row == row_of(0, repeat)
        row["responses_create_params"]["input"].append({"role": "user", "content": "and more"})
        row["responses_create_params"]["input"][0]["content"] = "something else"
        row["answers"].clear()
        row["mine"] = True


def test_repeats_share_their_texts(tmp_path: Path) -> None:
    read = read_all(tmp_path / "rows.jsonl", [row_of(0, repeat) for repeat in range(4)])
    texts = {id(row["responses_create_params"]["input"][0]["content"]) for row in read[1:]}
    assert len(texts) == 1


@pytest.mark.parametrize(
    "rows",
    [
        [{ROLLOUT_INDEX: repeat, TASK_INDEX: 0, "note": "not at the end"} for repeat in range(3)],
        [{ROLLOUT_INDEX: repeat, "note": {"of": 1, ROLLOUT_INDEX: 7}} for repeat in range(3)],
        [{"note": {"of": 1, ROLLOUT_INDEX: repeat}, TASK_INDEX: 0, ROLLOUT_INDEX: repeat} for repeat in range(3)],
        [{"note": f',"{ROLLOUT_INDEX}":{repeat}}}', TASK_INDEX: 0} for repeat in range(3)],
        [{ROLLOUT_INDEX: repeat} for repeat in range(3)],
    ],
)
def test_lines_that_others_wrote_are_read_as_they_are(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    assert read_all(tmp_path / "rows.jsonl", rows) == rows


def test_a_file_that_has_become_shorter_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(dumps_line(row_of(0, 0))[:-10])
    with pytest.raises(OutputError, match=r"rows\.jsonl: was changed while the run was reading it"):
        RowReader().read(path, "reader", 0, 0)
