"""Makes rows: in which city is the weather asked for, and which other cities are mentioned on the way?"""

from random import Random

from polygym import JsonObject

INSTRUCTION = (
    "Answer questions about the weather. Look up the one city that is asked about before you answer; never guess. Say"
    " in a sentence what the sky is like, in the word that the look-up gives, and how many degrees Celsius it has."
)
CITIES = (
    *("Accra", "Algiers", "Almaty", "Amman", "Antwerp", "Asunción", "Athens", "Auckland", "Baku", "Bamako", "Bangkok"),
    *("Barcelona", "Beirut", "Belgrade", "Bergen", "Bogotá", "Bordeaux", "Brisbane", "Brussels", "Bucharest", "Busan"),
    *("Cairo", "Calgary", "Cape Town", "Caracas", "Cartagena", "Chengdu", "Chicago", "Cologne", "Copenhagen", "Cusco"),
    *("Dakar", "Damascus", "Darwin", "Delhi", "Denver", "Dhaka", "Dublin", "Durban", "Edinburgh", "Fez", "Florence"),
    *("Fukuoka", "Gdańsk", "Geneva", "Genoa", "Glasgow", "Gothenburg", "Granada", "Graz", "Guadalajara", "Halifax"),
    *("Hamburg", "Hanoi", "Harare", "Havana", "Helsinki", "Hobart", "Houston", "Istanbul", "Jakarta", "Johannesburg"),
    *("Kampala", "Karachi", "Kathmandu", "Kigali", "Kingston", "Kraków", "Kyoto", "Lagos", "La Paz", "Leipzig", "Lima"),
    *("Lisbon", "Ljubljana", "Lomé", "Lyon", "Madrid", "Manila", "Maputo", "Marrakesh", "Medellín", "Melbourne"),
    *("Mexico City", "Minsk", "Mombasa", "Montevideo", "Montréal", "Mumbai", "Muscat", "Nairobi", "Naples", "New York"),
    *("Nice", "Nuuk", "Oaxaca", "Osaka", "Oslo", "Ottawa", "Panama City", "Perth", "Phnom Penh", "Porto", "Prague"),
    *("Quito", "Reykjavík", "Riga", "Rio de Janeiro", "Rotterdam", "San José", "Santiago", "São Paulo", "Sapporo"),
    *("Sarajevo", "Seattle", "Seoul", "Seville", "Singapore", "Sofia", "Stockholm", "Sydney", "Tallinn", "Tashkent"),
    *("Tbilisi", "Toronto", "Tripoli", "Trondheim", "Tunis", "Turin", "Ulaanbaatar", "Utrecht", "Vancouver", "Venice"),
    *("Vienna", "Vilnius", "Warsaw", "Wellington", "Windhoek", "Yerevan", "Zagreb", "Zanzibar City", "Zürich"),
)
GREETINGS = ("", "Hello!", "Good morning.", "One question:", "Sorry to bother you.", "You again? Good.")
REMARKS = (
    "I used to live in {other}.",
    "My sister is in {other} this week and keeps sending pictures.",
    "I was going to ask about {other}, but that trip has been cancelled.",
    "The forecast for {other} is on the radio all day, which doesn't help me.",
    "Do not bother with {other}, I have just come from there.",
    "Somebody told me that {other} is lovely at this time of the year.",
)
QUESTIONS = (
    "Do I need an umbrella in {city} right now?",
    "My flight to {city} leaves in an hour. What weather will I step out into over there?",
    "How warm is it in {city} at the moment, and what is the sky like?",
    "A friend in {city} says the weather is lovely today. Is that so?",
    "I am packing for {city}. Tell me in one sentence what the weather is like.",
    "We are about to start a picnic in {city}. What should we expect?",
    "What would I see if I looked out of a window in {city}?",
    "Should I wear a coat when I get off the train in {city}?",
    "Is it a day for the balcony in {city}?",
    "What is it like outside in {city}?",
)


def make_row(index: int, rng: Random, difficulty: float) -> JsonObject:
    """A row about one city. The more difficult, the more other cities are talked about first: up to four."""
    city, *others = rng.sample(CITIES, 1 + round(4 * difficulty * rng.uniform(0.5, 1.0)))
    remarks = zip(rng.sample(REMARKS, len(others)), others, strict=True)
    said = [rng.choice(GREETINGS), *(remark.format(other=other) for remark, other in remarks)]
    question = " ".join([*said, rng.choice(QUESTIONS).format(city=city)]).strip()
    return {
        "id": index,
        "responses_create_params": {
            "input": [{"role": "system", "content": INSTRUCTION}, {"role": "user", "content": question}]
        },
        "city": city,
        "other_cities": others,
    }
