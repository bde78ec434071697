import asyncio
from typing import Self

import pytest
from pydantic import BaseModel, Field, ValidationError, model_validator

from polygym.protocol.errors import ConfigError
from polygym.protocol.json import JsonObject
from polygym.servers.base import Server, ServerConfig, explain_validation
from tests.servers.notebook import made


class GameConfig(ServerConfig):
    rounds: int
    level: str = "easy"


class Game(Server):
    config: GameConfig


class Chess(Game):
    pass


def test_the_configuration_is_the_annotated_class() -> None:
    game = made(Chess, "chess", rounds="3", entrypoint="app.py:Chess")

    assert game.name == "chess"
    assert isinstance(game.config, GameConfig)
    assert (game.config.rounds, game.config.level) == (3, "easy")


def test_every_wrong_field_is_named_with_the_place_of_the_definition() -> None:
    with pytest.raises(ConfigError) as caught:
        Game.parse_config({"level": 3}, "game.yaml:7")

    assert str(caught.value) == "game.yaml:7: rounds: Field required; level: Input should be a valid string (got 3)"


def test_a_configuration_that_is_no_server_config_is_refused() -> None:
    class Wrong(Server):
        config: dict[str, int]

    with pytest.raises(TypeError, match=r"Wrong\.config must be annotated with a ServerConfig subclass"):
        Wrong.parse_config({}, "game.yaml:7")


def test_fields_that_nobody_reads_are_named_with_the_nearest_one() -> None:
    config = Game.parse_config(
        {"rounds": 1, "levle": "hard", "host": "127.0.0.1", "datasets": [], "_x": 1}, "game.yaml:7"
    )

    assert Game.unknown_fields(config) == [
        "field 'levle' is not one of Game's and has no effect. Meant 'level'?",
    ]


def test_starting_and_stopping_need_not_be_defined() -> None:
    async def live() -> None:
        game = made(Game, rounds=1)
        await game.start()
        await game.stop()

    asyncio.run(live())


class Point(BaseModel):
    coordinates: list[int] = Field(max_length=2)


def test_a_validation_error_is_one_line_with_paths_and_shortened_values() -> None:
    with pytest.raises(ValidationError) as caught:
        Point.model_validate({"coordinates": [1, "x" * 500]})

    text = explain_validation(caught.value)
    assert text.startswith("coordinates.1: Input should be a valid integer")
    assert text.endswith("…)") and len(text) < 200


class Account(BaseModel):
    api_key: str = ""
    headers: dict[str, str] = Field(default_factory=dict)
    url: str = ""
    owner: str = ""

    @model_validator(mode="after")
    def _has_an_owner(self) -> Self:
        if self.api_key and not self.owner:
            raise ValueError("a key needs an owner")
        return self


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"api_key": ["s3cret"]}, "api_key: Input should be a valid string (got ['****'])"),
        ({"api_key": 12345678}, "api_key: Input should be a valid string (got '****')"),
        ({"headers": {"X-Api-Key": 12345678}}, "headers.X-Api-Key: Input should be a valid string (got '****')"),
        ({"url": ["https://me:s3cret@host"]}, "url: Input should be a valid string (got ['https://me:****@host'])"),
        ({"owner": ["ada"]}, "owner: Input should be a valid string (got ['ada'])"),
        ({"api_key": "s3cret"}, "a key needs an owner"),
    ],
)
def test_a_validation_error_does_not_show_secrets(given: JsonObject, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Account.model_validate(given)

    assert explain_validation(caught.value) == said
