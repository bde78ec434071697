"""What the answers are about: made-up places, each with a few facts that an answer has to mention.

Facts are names and numbers, so that they can be found in an answer in whatever language or style. Names are one word.
"""

from random import Random
from typing import Final, Literal, TypeAlias, get_args

from pydantic import BaseModel, ConfigDict

from resources_servers.instruction_following.listing import listed

Fact: TypeAlias = Literal["town", "year", "head", "visitors", "count", "cat"]
FACTS: Final[tuple[Fact, ...]] = get_args(Fact)

KINDS: Final = {
    "aquarium": "tanks",
    "archive": "drawers",
    "bakery": "ovens",
    "bathhouse": "pools",
    "boathouse": "boats",
    "bookshop": "shelves",
    "cinema": "seats",
    "dairy": "vats",
    "forge": "anvils",
    "greenhouse": "beds",
    "inn": "rooms",
    "library": "shelves",
    "lighthouse": "steps",
    "mill": "looms",
    "museum": "rooms",
    "nursery": "trees",
    "observatory": "telescopes",
    "pottery": "kilns",
    "school": "desks",
    "studio": "lamps",
    "tavern": "tables",
    "theatre": "puppets",
    "vineyard": "barrels",
    "workshop": "benches",
}
"""Kinds of places, and what one counts there."""

_NAMES: Final = listed(
    "Alder Ambry Birkett Bramble Calder Carrow Corvin Dunmore Elmsley Fallow Farrow Galloway Garrick Harrow Hollis"
    " Ivory Juniper Kestrel Larkin Linden Mallory Marlow Merrow Norwood Oakham Orrin Pembury Quarry Ravel Rowan"
    " Sable Selwyn Tamsin Thistle Umber Vesper Wexley Willow Yarrow Zephyr"
)
_TOWNS: Final = listed(
    "Abberton Balmouth Corriston Dellport Eastholm Ferrowby Gannick Hadlow Ilverton Jurston Kelmere Lowick Mossgate"
    " Nettleby Ostwick Pellhaven Quenby Rillington Sandrock Tolbury Ullerton Varnholt Wickmoor Yellham Zennick"
)
_FIRST_NAMES: Final = listed(
    "Ada Bruno Clara Dmitri Elif Farid Greta Hugo Ines Jonas Kemal Lena Mira Nadia Omar Petra Quentin Rosa Samir Tilda"
    " Ugo Vera Wanda Xenia Yusuf Zora"
)
_SURNAMES: Final = listed(
    "Abara Bexley Castell Dorn Ekholm Fennick Grell Hobday Imrie Jessop Kovar Lindqvist Moreau Nakano Okafor Pryce"
    " Quill Rask Sorley Tamm Ungar Vostok Wray Yilmaz Zeller"
)
_CATS: Final = listed(
    "Biscuit Domino Fig Ginger Hazel Inkspot Jasper Kipper Lichen Marmot Noodle Olive Pepper Quince Raisin Saffron"
    " Truffle Umbra Walnut Zigzag"
)
_GOODS: Final = listed(
    "almonds baskets candles drums envelopes figs gloves honey ink jars kites lanterns mugs nets olives pears quilts"
    " ropes soap tiles umbrellas vases wool yarn zithers"
)
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Subject(BaseModel):
    """One place and all that is known about it."""

    model_config = ConfigDict(frozen=True)

    kind: str
    """A key of KINDS."""
    name: str
    """Without its kind: `Marlow` of "the lighthouse Marlow"."""
    town: str
    year: int
    """When it opened."""
    head: str
    """First name and surname of who runs it."""
    visitors: int
    """Guests on a usual day."""
    count: int
    """How many of `KINDS[kind]` there are."""
    cat: str
    next_event: str
    """A date, ISO 8601."""
    days_off: tuple[str, ...]
    """Two weekdays."""
    goods: tuple[str, ...]
    """What is sold there, in no order."""

    @property
    def things(self) -> str:
        """What is counted there."""
        return KINDS[self.kind]

    def value_of(self, fact: Fact) -> str:
        """The word or number that mentions the fact; of a person it is the surname."""
        return self.head.split()[-1] if fact == "head" else str(getattr(self, fact))


def draw_subject(rng: Random) -> Subject:
    """A subject in which no two facts are the same word or number."""
    visitors, count = rng.sample([number for number in range(21, 400) if number % 10], 2)
    return Subject(
        kind=rng.choice(sorted(KINDS)),
        name=rng.choice(_NAMES),
        town=rng.choice(_TOWNS),
        year=rng.choice([year for year in range(1811, 1999) if year % 10]),
        head=f"{rng.choice(_FIRST_NAMES)} {rng.choice(_SURNAMES)}",
        visitors=visitors,
        count=count,
        cat=rng.choice(_CATS),
        next_event=f"20{rng.randint(31, 59)}-{rng.randint(1, 12):02}-{rng.randint(13, 28)}",
        days_off=tuple(rng.sample(_DAYS, 2)),
        goods=tuple(rng.sample(_GOODS, 5)),
    )
