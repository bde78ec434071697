"""What the facts are about: kinds of things with a number and a person each, and how one speaks of them."""

from random import Random
from typing import Final, NamedTuple


class Theme(NamedTuple):
    """A kind of thing."""

    noun: str
    """What stands before a name: "depot Marlow North"."""
    plural: str
    unit: str
    """What is counted, in the plural."""
    role: str
    """What the person is: "keeper"."""


THEMES: Final = (
    Theme("depot", "depots", "crates", "keeper"),
    Theme("borehole", "boreholes", "metres of pipe", "driller"),
    Theme("allotment", "allotments", "seedlings", "tenant"),
    Theme("barge", "barges", "bales", "skipper"),
    Theme("archive", "archives", "folders", "curator"),
    Theme("greenhouse", "greenhouses", "pots", "gardener"),
    Theme("kiln", "kilns", "tiles", "stoker"),
)

_STEMS: Final = (
    *("Marlow", "Harlow", "Barlow", "Tarrow", "Farrow", "Wexley", "Bexley", "Lindal", "Kendal", "Rendal", "Ostrow"),
    *("Astrow", "Pelham", "Welham", "Denham", "Corwen", "Torwen", "Morven", "Selby", "Shelby", "Kirby", "Derby"),
)
_SIDES: Final = ("North", "South", "East", "West", "Upper", "Lower")
_GIVEN: Final = (
    *("Ada", "Ida", "Eda", "Jonas", "Jona", "Mira", "Mara", "Tilda", "Hilda", "Oskar", "Oscar", "Lena", "Lina", "Emil"),
    *("Emilia", "Bruno", "Bruna", "Nora", "Norah", "Felix", "Felicia", "Karl", "Karla", "Viktor", "Viktoria", "Paul"),
)
_FAMILY: Final = (
    *("Brandt", "Brand", "Holm", "Holmes", "Lund", "Lunde", "Berg", "Bergen", "Falk", "Falke", "Keller", "Kellner"),
    *("Moreau", "Morel", "Santos", "Santor", "Novak", "Nowak", "Petrov", "Petrow", "Okoye", "Okoro", "Ito", "Itoh"),
)


def names_of_things(rng: Random, families: int, siblings: int) -> list[list[str]]:
    """Names, in families of names that are easily mixed up: `K-114`, `K-141`; `Marlow North`, `Marlow South`."""
    found: list[list[str]] = []
    stems = rng.sample(_STEMS, families)
    letters = rng.sample("BCDFGHKLMNPRSTVX", min(families, 16))
    for place, stem in enumerate(stems):
        if place < len(letters) and rng.random() < 0.5:
            first = f"{rng.randint(1, 9)}{rng.randint(1, 9)}{rng.randint(1, 9)}"
            numbers = [
                first,
                first[0] + first[2] + first[1],
                first[1] + first[0] + first[2],
                first[:2] + "0",
                first + "2",
            ]
            found.append([f"{letters[place]}-{number}" for number in list(dict.fromkeys(numbers))[:siblings]])
        else:
            found.append([f"{stem} {side}" for side in rng.sample(_SIDES, siblings)])
    return found


def names_of_people(rng: Random, count: int) -> list[str]:
    """Distinct names of people, many of them alike."""
    names: dict[str, None] = {}
    while len(names) < count:
        names[f"{rng.choice(_GIVEN)} {rng.choice(_FAMILY)}"] = None
    return list(names)
