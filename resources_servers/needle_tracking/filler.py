"""Prose that has nothing to do with the matter: what stands between the facts. Names no tracked thing."""

from collections.abc import Iterator
from random import Random
from typing import Final

_PLACES: Final = (
    *("the ferry landing", "the old mill", "the bakery on the corner", "the railway bridge", "the lower meadow"),
    *("the chapel", "the weir", "the schoolhouse", "the timber yard", "the fish market", "the lighthouse road"),
    *("the reading room", "the post office", "the quarry path", "the orchard wall", "the tram depot", "the town hall"),
)
_PEOPLE: Final = (
    *("a carter", "the night watchman", "two surveyors", "the choir", "a travelling dentist", "the beekeeper"),
    *("an apprentice", "the ferryman's daughter", "three cyclists", "the piano tuner", "a retired pilot"),
    *("the glazier", "a class of schoolchildren", "the new doctor", "somebody from the ministry", "the librarian"),
)
_THINGS: Final = (
    *("a ladder", "a crate of lemons", "an umbrella", "a set of maps", "a barometer", "two lanterns", "a typewriter"),
    *("a basket of eels", "a wheelbarrow", "a folded letter", "a pair of skates", "a bicycle pump", "a tin of paint"),
)
_WEATHER: Final = (
    *("fog", "a thin rain", "a dry wind from the east", "hail", "sunshine", "the first frost", "thunder far off"),
    *("a long dusk", "sleet", "a warm night", "drifting clouds", "the kind of light that painters like"),
)
_TIMES: Final = (
    *("Before breakfast", "Towards noon", "In the early evening", "After the bells", "Around midnight", "At low tide"),
    *("Between two showers", "During the lunch break", "Shortly after the mail came", "While the kettle boiled"),
)
_MOODS: Final = (
    "in silence",
    "with great care",
    "for no clear reason",
    "to everybody's relief",
    "once again",
    "by hand",
)
_TOPICS: Final = (
    *("the price of rope", "whether the clock runs slow", "a lost dog", "the new bench", "last year's harvest"),
    *("the colour of the railings", "how to season a pan", "an unpaid bill", "the date of the fair", "a chess problem"),
)
_COUNTS: Final = ("two", "three", "four", "six", "seven", "nine", "eleven", "fourteen", "some twenty", "a dozen")

_SLOTS: Final = {
    "place": _PLACES,
    "other_place": _PLACES,
    "people": _PEOPLE,
    "thing": _THINGS,
    "weather": _WEATHER,
    "time": _TIMES,
    "mood": _MOODS,
    "topic": _TOPICS,
    "count": _COUNTS,
    "hour": tuple(f"{hour}:{minute:02}" for hour in range(6, 22) for minute in (5, 20, 35, 50)),
    "number": tuple(str(number) for number in range(12, 980, 7)),
}
_SENTENCES: Final = (
    "{time}, {people} walked from {place} to {other_place} and back.",
    "There was {weather} over {place}, and nobody stayed outside for long.",
    "Somebody had left {thing} at {place}; it was still there at {hour}.",
    "{time} there was talk of {topic}, as so often.",
    "The road past {place} was closed for {count} days because of the drains.",
    "{time}, {people} carried {thing} across the square {mood}.",
    "A notice at {place} asks visitors to shut the gate behind them.",
    "It took {count} men to lift the stone that had come down near {place}.",
    "With {weather}, the boats stayed in until {hour}.",
    "House number {number} has been painted {mood}, and the neighbours approve.",
    "The minutes of the meeting run to {number} lines, most of them about {topic}.",
    "{time} the lamps at {place} went out, and came on again {mood}.",
    "Page {number} of the visitors' book is taken up by a drawing of {thing}.",
    "Whoever borrowed {thing} is asked to bring it back to {place}.",
    "The bus that should leave at {hour} left late, with {people} on board.",
    "{time} one could hear {people} practise near {place}.",
    "After {weather} the path between {place} and {other_place} has to be swept.",
    "A letter of {number} words arrived about {topic}; it was read aloud {mood}.",
    "Ticket {number} won {thing} at the raffle.",
    "There is a rule about {topic}, but {people} had never heard of it.",
    "For the feast, {count} tables were set up between {place} and {other_place}.",
    "The thermometer at {place} was read at {hour} and found to be broken.",
    "{time}, {people} asked the way to {place} and ended up at {other_place}.",
    "Of the {number} leaflets printed, most are still lying at {place}.",
    "Nothing came of the idea to move {thing} from {place} to {other_place}.",
    "The dog slept through {weather}, {mood}.",
    "By {hour} the queue at {place} was {count} people long.",
    "{time} a window at {place} was found open, and shut {mood}.",
    "Those who care about {topic} met at {place}; {count} came.",
    "The song with {number} verses was sung to the end by {people}.",
    "At {hour} a bell rang at {place}, and {people} looked up.",
    "Nobody remembers who planted the {count} trees behind {place}.",
    "The key to {place} hangs on hook {number}, next to {thing}.",
    "{time}, {people} repaired the fence near {other_place} {mood}.",
    "It rained {count} times that week, and {place} smelled of wet wood.",
    "Chapter {number} of the novel that {people} read aloud ends at {place}.",
    "{people} had ordered {thing}, but the shop near {place} sent {count} spoons instead.",
    "The echo at {place} repeats {count} syllables if there is {weather}.",
    "At {hour} the tea was cold, and {people} went on about {topic}.",
    "A photograph from those days shows {people} with {thing}, and behind them {place}.",
)


_LINKS: Final = ("; meanwhile, {}", ", and {}", "; besides, {}", ", while {}", "; it is said that {}")


def sentences(rng: Random) -> Iterator[str]:
    """Sentences without end, some of them two in one."""
    while True:
        sentence = _fill(rng)
        if rng.random() < 0.25:
            sentence = sentence[:-1] + rng.choice(_LINKS).format(_fill(rng))
        yield sentence[0].upper() + sentence[1:]


def _fill(rng: Random) -> str:
    """One sentence, in small letters at its beginning."""
    sentence = _SENTENCES[int(rng.random() * len(_SENTENCES))]
    words = {name: options[int(rng.random() * len(options))] for name, options in _USED[sentence]}
    if words.get("place") is not None and words.get("place") == words.get("other_place"):
        words["other_place"] = "the far bank"
    filled = sentence.format_map(words)
    return filled[0].lower() + filled[1:]


_USED: Final = {
    sentence: [(name, options) for name, options in _SLOTS.items() if "{" + name + "}" in sentence]
    for sentence in _SENTENCES
}
