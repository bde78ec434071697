"""Writes the example rows.

Run `python -m resources_servers.example_single_tool_call.generate` from the repository's root.
"""

from pathlib import Path

from polygym import JsonObject, dumps
from polygym.servers.tools import tools_of
from resources_servers.example_single_tool_call.app import WeatherServer

EXAMPLES = Path(__file__).parent / "data" / "example.jsonl"
INSTRUCTION = "Answer questions about the weather. Look the weather up before you answer; never guess it."
QUESTIONS = (
    ("Do I need an umbrella in Lisbon right now?", "Lisbon"),
    ("My flight to São Paulo leaves in an hour. What weather will I step out into over there?", "São Paulo"),
    ("How warm is it in Ulaanbaatar at the moment?", "Ulaanbaatar"),
    ("A friend in New York says the sky is lovely today. Is that so?", "New York"),
    ("I am packing for Wellington. Tell me in one sentence what the weather is like.", "Wellington"),
)


def example_rows() -> list[JsonObject]:
    """One row per question."""
    tools = [offered.definition() for offered in tools_of(WeatherServer).values()]
    return [
        {
            "id": index,
            "responses_create_params": {
                "input": [{"role": "system", "content": INSTRUCTION}, {"role": "user", "content": question}],
                "tools": tools,
            },
            "city": city,
        }
        for index, (question, city) in enumerate(QUESTIONS)
    ]


if __name__ == "__main__":
    EXAMPLES.write_bytes(b"".join(dumps(row) + b"\n" for row in example_rows()))
