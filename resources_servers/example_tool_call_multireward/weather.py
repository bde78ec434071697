"""Made-up weather: what the tools measure, the same for the same city and salt, and nothing that could be known."""

from hashlib import blake2b
from typing import Final, NamedTuple

SKIES: Final = ("clear", "a few clouds", "overcast", "fog", "drizzle", "light rain", "heavy rain", "snow showers")


class Weather(NamedTuple):
    """One city's weather."""

    temperature_c: int
    humidity_percent: int
    wind_kmh: int
    pressure_hpa: int
    sky: str


def weather_of(city: str, salt: str) -> Weather:
    """The weather of a city, whatever its case and spacing. No two of its numbers are the same."""
    digest = blake2b(f"{salt}:{' '.join(city.casefold().split())}".encode(errors="replace"), digest_size=8).digest()
    return Weather(
        temperature_c=digest[0] % 45 - 15,
        humidity_percent=30 + digest[1] % 70,
        wind_kmh=100 + digest[2] % 60,
        pressure_hpa=960 + digest[3] % 90,
        sky=SKIES[digest[4] % len(SKIES)],
    )
