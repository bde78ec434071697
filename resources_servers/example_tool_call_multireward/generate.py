"""Makes rows: a question about the weather of one city, with other cities and measurements in the way."""

from random import Random
from typing import Any, Final

from polygym import JsonObject

CITIES: Final = (
    *(
        "Aarhus",
        "Accra",
        "Antofagasta",
        "Bergen",
        "Bilbao",
        "Brno",
        "Cardiff",
        "Cork",
        "Cusco",
        "Dakar",
        "Davao",
        "Delft",
    ),
    *("Durban", "Fez", "Galway", "Ghent", "Graz", "Hanoi", "Hobart", "Izmir", "Jaipur", "Kobe", "Kumasi", "La Paz"),
    *("Leipzig", "Lima", "Lyon", "Malmo", "Medellin", "Mombasa", "Montreal", "Nairobi", "Napier", "Odense", "Oslo"),
    *("Oulu", "Perth", "Pisa", "Porto", "Puebla", "Quito", "Recife", "Riga", "Rosario", "San Francisco", "Sapporo"),
    *("Seville", "Suva", "Tartu", "Tbilisi", "Tromso", "Turin", "Utrecht", "Valparaiso", "Windhoek", "Zagreb"),
)
ASKING: Final[dict[str, tuple[dict[str, Any], tuple[str, ...]]]] = {
    "temperature": ({"name": "get_weather"}, ("What is the temperature in {city}?", "How warm is it in {city}?")),
    "fahrenheit": (
        {"name": "get_weather", "unit": "fahrenheit"},
        ("How many degrees Fahrenheit does {city} have?", "What is the temperature in {city}, in Fahrenheit?"),
    ),
    "humidity": (
        {"name": "get_humidity"},
        ("How humid is the air in {city}?", "Which percentage of humidity does {city} have?"),
    ),
    "wind": ({"name": "get_wind"}, ("How fast is the wind in {city}, in km/h?", "How hard does it blow in {city}?")),
    "metric wind": (
        {"name": "get_wind", "unit": "m/s"},
        ("How many metres per second does the wind in {city} make?", "What is the wind speed in {city}, in m/s?"),
    ),
    "pressure": (
        {"name": "get_pressure"},
        ("What does a barometer in {city} show?", "How high is the air pressure in {city}?"),
    ),
}
INSTRUCTIONS: Final = (
    "Look things up with exactly one tool call and write nothing beside it. Then answer in one line that has the number"
    " you were given and no other number.",
    "You get one tool call; make it without a word. Your answer after it is a single line with a single number, the one"
    " that the tool gave.",
    "First call one tool, silently. Then reply in one line, with the number that came back and no other.",
)
DISTRACTIONS: Final = (
    "Yesterday I was in {other}, where it was much too warm.",
    "My sister lives in {other} and complains about the humidity.",
    "I have read that the wind in {other} can be a nuisance.",
    "The barometer in my parents' house in {other} has been broken for years.",
    "Next week I may go on to {other}, but that does not matter now.",
    "A friend in {other} wants to know the same about his own city; he can ask for himself.",
)


def make_row(index: int, rng: Random, difficulty: float) -> JsonObject:
    """A plain question when it is easy; with difficulty other cities are talked about, and units asked for."""
    kinds = sorted(ASKING) if rng.random() < difficulty else ["humidity", "pressure", "temperature", "wind"]
    expected, questions = ASKING[rng.choice(kinds)]
    count = round(3 * difficulty) + (rng.random() < difficulty)
    city, *others = rng.sample(CITIES, 1 + count)
    talk = [line.format(other=other) for line, other in zip(rng.sample(DISTRACTIONS, count), others, strict=True)]
    question = rng.choice(questions).format(city=city)
    place = rng.randint(0, len(talk))
    arguments = {"city": city, **{name: value for name, value in expected.items() if name != "name"}}
    return {
        "responses_create_params": {
            "input": [
                {"role": "developer", "content": rng.choice(INSTRUCTIONS)},
                {"role": "user", "content": " ".join([*talk[:place], question, *talk[place:]])},
            ]
        },
        "expected_call": {"name": expected["name"], "arguments": arguments},
        "salt": f"{rng.getrandbits(64):x}",
    }
