"""Clauses that reference answers are put together from, in several languages.

They have no comma, no digit of their own, and no capital but in names.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, TypeAdapter

from resources_servers.instruction_following.subjects import Fact


class Phrasebook(BaseModel):
    """What can be said in one language. Clauses stand alone or are joined; tails are put at the end of one."""

    model_config = ConfigDict(frozen=True)

    language: str
    """Its English name."""
    joiner: str
    """Stands between two clauses."""
    name: tuple[str, ...]
    """Clauses that name the subject."""
    facts: dict[Fact, tuple[str, ...]]
    fillers: tuple[str, ...]
    tails: tuple[str, ...]


PHRASEBOOKS: Final[Mapping[str, Phrasebook]] = TypeAdapter(dict[str, Phrasebook]).validate_json(
    (Path(__file__).parent / "phrasebooks.json").read_bytes()
)
"""By language code."""
ENGLISH: Final = PHRASEBOOKS["en"]
LANGUAGE_NAMES: Final = {code: book.language for code, book in PHRASEBOOKS.items() if code != "en"}
"""The languages that rows ask for."""
