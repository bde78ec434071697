"""What the documentation shows works as it shows it: its commands are run, section by section."""

import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import groupby
from pathlib import Path

import pytest

from tests.cli.commands import free_port, model_endpoint
from tests.docs.pages import PROGRAMS, ROOT, Block, Reader, blocks_of, programs_missing

PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
README = PAGES[0]


def sections() -> list[object]:
    """Every section that has something to run, in order; each block of the README is one, since they are choices."""
    found: list[object] = []
    for page in PAGES:
        titled = [
            (block.place if page == README else f"{page.name}: {block.section}", block) for block in blocks_of(page)
        ]
        for title, group in groupby(titled, lambda pair: pair[0]):
            blocks = [block for _, block in group]
            if any(block.is_run or "file" in block.notes for block in blocks):
                found.append(pytest.param(page, blocks, id=title))
    return found


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """Base URL of a model endpoint."""
    with model_endpoint() as (url, _):
        yield url


@pytest.fixture(scope="module")
def readers(endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path, str], Reader]:
    """Gives the reader of a page, who keeps their folder from section to section."""

    @cache
    def reader(page: Path, place: str) -> Reader:
        folder = tmp_path_factory.mktemp(page.stem) / "polygym"
        return Reader(page, folder, endpoint=endpoint, head_port=free_port(), server_port=free_port())

    return lambda page, place: reader(page, place if page == README else "")


@pytest.mark.skipif(not (PROGRAMS / "gym").exists(), reason=f"polygym's commands are not installed in {PROGRAMS}")
@pytest.mark.parametrize(("page", "blocks"), sections())
def test_a_section_does_what_it_says(page: Path, blocks: list[Block], readers: Callable[[Path, str], Reader]) -> None:
    missing = list(programs_missing(blocks))
    if missing:
        pytest.skip(f"the section uses {', '.join(missing)}, which this machine does not have")

    readers(page, blocks[0].place).follow(blocks)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        file, _, heading = target.partition("#")
        linked = (page.parent / file).resolve() if file else page
        assert linked.exists(), target
        assert not heading or heading in headings(linked), target


def headings(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
