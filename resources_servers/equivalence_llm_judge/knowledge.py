"""What the generated questions are about: facts with a short answer, and topics to be explained."""

from typing import Final, NamedTuple


def _pairs(text: str) -> dict[str, str]:
    return dict(pair.split(": ") for pair in text.split(", "))


CAPITALS: Final = _pairs(
    "Argentina: Buenos Aires, Armenia: Yerevan, Australia: Canberra, Austria: Vienna, Bangladesh: Dhaka, "
    "Belgium: Brussels, Brazil: Brasilia, Bulgaria: Sofia, Canada: Ottawa, Chile: Santiago, "
    "Colombia: Bogota, Croatia: Zagreb, Cuba: Havana, Denmark: Copenhagen, Ecuador: Quito, Egypt: Cairo, "
    "Estonia: Tallinn, Ethiopia: Addis Ababa, Finland: Helsinki, France: Paris, Georgia: Tbilisi, "
    "Germany: Berlin, Ghana: Accra, Greece: Athens, Hungary: Budapest, Iceland: Reykjavik, India: New Delhi, "
    "Iraq: Baghdad, Ireland: Dublin, Italy: Rome, Jamaica: Kingston, Japan: Tokyo, Kenya: Nairobi, "
    "Latvia: Riga, Lithuania: Vilnius, Mexico: Mexico City, Mongolia: Ulaanbaatar, Morocco: Rabat, "
    "Nepal: Kathmandu, New Zealand: Wellington, Norway: Oslo, Pakistan: Islamabad, Peru: Lima, "
    "Poland: Warsaw, Portugal: Lisbon, Romania: Bucharest, Senegal: Dakar, Serbia: Belgrade, "
    "South Korea: Seoul, Spain: Madrid, Sweden: Stockholm, Thailand: Bangkok, Turkey: Ankara, "
    "Uruguay: Montevideo, Vietnam: Hanoi"
)
SYMBOLS: Final = _pairs(
    "hydrogen: H, helium: He, lithium: Li, carbon: C, nitrogen: N, oxygen: O, fluorine: F, neon: Ne, "
    "sodium: Na, magnesium: Mg, aluminium: Al, silicon: Si, phosphorus: P, sulfur: S, chlorine: Cl, "
    "argon: Ar, potassium: K, calcium: Ca, iron: Fe, nickel: Ni, copper: Cu, zinc: Zn, silver: Ag, tin: Sn, "
    "iodine: I, tungsten: W, platinum: Pt, gold: Au, mercury: Hg, lead: Pb, uranium: U"
)
"""Of chemical elements."""
ATOMIC_NUMBERS: Final = _pairs(
    "hydrogen: 1, helium: 2, lithium: 3, carbon: 6, nitrogen: 7, oxygen: 8, fluorine: 9, neon: 10, "
    "sodium: 11, magnesium: 12, aluminium: 13, silicon: 14, phosphorus: 15, sulfur: 16, chlorine: 17, "
    "argon: 18, potassium: 19, calcium: 20, iron: 26, nickel: 28, copper: 29, zinc: 30, silver: 47, tin: 50, "
    "iodine: 53, tungsten: 74, platinum: 78, gold: 79, mercury: 80, lead: 82, uranium: 92"
)
EVENTS: Final[dict[str, int]] = {
    "did the Berlin Wall fall": 1989,
    "did people first walk on the Moon": 1969,
    "did the Titanic sink": 1912,
    "did the French Revolution begin": 1789,
    "did Columbus first reach the Americas": 1492,
    "did the First World War begin": 1914,
    "did the Second World War end in Europe": 1945,
    "did the first modern Olympic Games take place": 1896,
    "was the battle of Hastings": 1066,
    "did the Great Fire of London burn": 1666,
    "was the battle of Waterloo": 1815,
    "did Sputnik 1 reach its orbit": 1957,
}
WORKS: Final = _pairs(
    "Hamlet: William Shakespeare, Don Quixote: Miguel de Cervantes, Faust: Johann Wolfgang von Goethe, "
    "War and Peace: Leo Tolstoy, Crime and Punishment: Fyodor Dostoevsky, Emma: Jane Austen, "
    "Moby-Dick: Herman Melville, Frankenstein: Mary Shelley, Dracula: Bram Stoker, "
    "Oliver Twist: Charles Dickens, Madame Bovary: Gustave Flaubert, Ulysses: James Joyce, "
    "The Metamorphosis: Franz Kafka, The Divine Comedy: Dante Alighieri, Candide: Voltaire, "
    "A Doll's House: Henrik Ibsen, Les Miserables: Victor Hugo, Jane Eyre: Charlotte Bronte"
)
WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Topic(NamedTuple):
    """Something to be explained."""

    task: str
    points: dict[str, str]
    """What a good answer says, by words that it might use for it."""
    jargon: str
    """A word that beginners do not know."""


TOPICS: Final = (
    Topic(
        "why the sky looks blue by day",
        {
            "scatter": "air scatters sunlight",
            "blue light more than red": "blue light is scattered more than red",
            "all directions": "the scattered light reaches the eye from all directions",
            "mixture of colours": "sunlight is a mixture of colours",
        },
        "Rayleigh",
    ),
    Topic(
        "why there are seasons",
        {
            "axis is tilted": "the axis of the Earth is tilted",
            "more directly": "the Sun's rays arrive more directly in summer",
            "longer days": "summer has longer days",
            "not the distance": "the distance to the Sun is not the reason",
        },
        "obliquity",
    ),
    Topic(
        "how a vaccine protects",
        {
            "immune system": "the immune system learns to recognise something",
            "harmless": "what is given is harmless, unlike the disease",
            "remembers": "the body remembers what it has met",
            "faster": "a later infection is fought faster",
        },
        "epitope",
    ),
    Topic(
        "why bread dough rises",
        {
            "yeast": "yeast is at work",
            "sugar": "the yeast feeds on sugar",
            "gas": "the yeast gives off gas",
            "stretchy": "the dough is stretchy and holds the gas",
        },
        "saccharomyces",
    ),
    Topic(
        "what inflation is",
        {
            "prices rise": "prices rise in general",
            "buys less": "the same money buys less",
            "over time": "inflation is measured over time",
            "not just one product": "inflation is about many goods, not one",
        },
        "seigniorage",
    ),
    Topic(
        "how a rainbow comes about",
        {
            "drops of water": "a rainbow needs drops of water",
            "bends": "light bends when it enters a drop",
            "colours apart": "the colours come apart",
            "behind you": "the Sun has to be behind the observer",
        },
        "dispersion relation",
    ),
    Topic(
        "why the Moon has phases",
        {
            "half of it is lit": "the Sun always lights half of the Moon",
            "goes around the Earth": "the Moon goes around the Earth",
            "see more or less": "one sees more or less of the bright half",
            "not the Earth's shadow": "the shadow of the Earth is not the reason",
        },
        "syzygy",
    ),
    Topic(
        "how a refrigerator cools",
        {
            "evaporates": "a liquid evaporates inside",
            "takes up heat": "evaporation takes up heat",
            "compressor": "a compressor is at work",
            "gives the heat off": "the heat is given off outside",
        },
        "enthalpy",
    ),
    Topic(
        "why ice floats",
        {
            "less dense": "ice is less dense than water",
            "expands": "water expands when it freezes",
            "more room": "its molecules take more room in ice",
            "pushed up": "what is lighter than the water it displaces is pushed up",
        },
        "hexagonal lattice",
    ),
    Topic(
        "what a search engine does",
        {
            "crawl": "pages are crawled ahead of time",
            "index": "an index of their words is kept",
            "ranks": "what is found is ranked",
            "query": "the query is looked up in that index",
        },
        "inverted posting list",
    ),
    Topic(
        "how plants make their food",
        {
            "sunlight": "plants use sunlight",
            "carbon dioxide": "plants take in carbon dioxide",
            "water": "plants need water",
            "oxygen": "plants give off oxygen",
        },
        "thylakoid",
    ),
    Topic(
        "why one should not look at a solar eclipse with bare eyes",
        {
            "retina": "the light damages the retina",
            "no pain": "the damage causes no pain while it happens",
            "permanent": "the damage is permanent",
            "special glasses": "special glasses protect",
        },
        "photokeratitis",
    ),
)
AUDIENCES: Final = (
    *("a ten-year-old", "a new colleague", "your grandfather", "a school class", "a friend at dinner"),
    *("somebody who has never heard of it", "the readers of a local newspaper", "a visitor of a museum"),
)
