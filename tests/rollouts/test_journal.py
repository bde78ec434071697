import json
from pathlib import Path

from polygym.rollouts.journal import Journal
from polygym.rollouts.outputs import OutputPaths


def test_what_a_killed_writer_has_begun_is_cut_off_by_the_next_one(tmp_path: Path) -> None:
    paths = OutputPaths(tmp_path / "out.jsonl")
    killed, living = Journal(paths, is_shared=True), Journal(paths, is_shared=True)
    killed.rollout({"number": 1})
    killed.flush()
    with open(paths.rollouts, "ab") as file:
        file.write(b'{"number": 2, "text": "to')
    living.rollout({"number": 3})
    living.flush()
    killed.close()
    living.close()
    assert [json.loads(line)["number"] for line in paths.rollouts.read_text().splitlines()] == [1, 3]
