"""Pages that show what is not so are found out."""

from pathlib import Path

import pytest

from tests.docs.pages import Reader, blocks_of


def followed(tmp_path: Path, text: str) -> Path:
    """Follow a page with that text; the folder in which that was done."""
    page, folder = tmp_path / "page.md", tmp_path / "polygym"
    page.write_text(text)
    Reader(page, folder, endpoint="http://127.0.0.1:9/v1", head_port=9, server_port=9).follow(blocks_of(page))
    return folder


def test_what_a_page_shows_is_done(tmp_path: Path) -> None:
    folder = followed(
        tmp_path,
        """
<!-- file: notes/a.txt -->
```text
one two
```

```bash
cat notes/a.txt > results/b.txt; cat results/b.txt
```

<!-- output -->
```text
one … o
```

<!-- not run: it would fail -->
```bash
false
```

<!-- exits 3 -->
```python
raise SystemExit(3)
```
""",
    )

    assert (folder / "results" / "b.txt").read_text() == "one two\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("```bash\nfalse\n```\n", "page.md:1: exit code 1, not 0"),
        ("```bash\nfalse | true\n```\n", "exit code 1, not 0"),
        ("<!-- exits 2 -->\n```bash\ntrue\n```\n", "exit code 0, not 2"),
        ("```bash\necho one two\n```\n\n<!-- output -->\n```text\none\n```\n", "no line\n  one"),
        ("<!-- stays up -->\n```bash\necho gone\n```\n", "is not up:\ngone"),
    ],
)
def test_what_a_page_shows_falsely_is_found_out(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(AssertionError) as caught:
        followed(tmp_path, text)

    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<!-- not run -->\n```bash\nfalse\n```\n", "page.md:1: <!-- not run --> is no note"),
        ("<!-- does not run: it fails -->\n```bash\nfalse\n```\n", "is no note"),
        ("<!-- exits 2 -->\n\n```bash\nfalse\n```\n", "page.md:2: a note must stand right above a block"),
    ],
)
def test_a_note_that_says_nothing_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "page.md").write_text(text)

    with pytest.raises(ValueError, match=r"^page\.md") as caught:
        blocks_of(tmp_path / "page.md")

    assert message in str(caught.value)
