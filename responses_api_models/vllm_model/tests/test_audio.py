"""Sounds that a row names in its metadata."""

import base64
from pathlib import Path
from typing import Any

import pytest

from polygym import FailureClass, JsonObject, RolloutFailure
from responses_api_models.vllm_model.tests.servers import COMPLETION, exchange, responses

SOUND = b"RIFF\x00"
URI = f"data:audio/wav;base64,{base64.b64encode(SOUND).decode()}"


def heard(metadata: JsonObject, given: Any = "What is it?", **fields: Any) -> list[JsonObject]:
    """The messages that the endpoint gets."""
    _, [body] = exchange(COMPLETION, responses({"input": given, "metadata": metadata}), **fields)
    assert "metadata" not in body
    messages: list[JsonObject] = body["messages"]
    return messages


def sound(url: str = URI) -> JsonObject:
    return {"type": "audio_url", "audio_url": {"url": url}}


def test_data_go_before_the_text_of_the_last_question() -> None:
    earlier = {"role": "user", "content": "Hello"}

    messages = heard({"audio_data": URI}, [earlier, {"role": "user", "content": "What is it?"}])

    assert messages == [earlier, {"role": "user", "content": [sound(), {"type": "text", "text": "What is it?"}]}]


def test_a_file_is_read_from_the_root(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(SOUND)
    (tmp_path / "b.MP3").write_bytes(b"ID3")

    assert heard({"audio_path": "a.wav"}, audio_root=str(tmp_path))[0]["content"][0] == sound()
    assert heard({"audio_path": str(tmp_path / "a.wav")})[0]["content"][0] == sound()
    both = heard({"audio_paths": ["a.wav", "b.MP3"]}, audio_root=str(tmp_path))[0]["content"]
    assert both[:2] == [sound(), sound("data:audio/mpeg;base64,SUQz")]


def test_without_a_question_the_sound_is_one() -> None:
    instructions = {"role": "system", "content": "Write down what you hear."}

    assert heard({"audio_data": URI}, [instructions]) == [instructions, {"role": "user", "content": [sound()]}]


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"audio_path": "a.wav"}, "the path is relative; set audio_root"),
        ({"audio_path": "/a.txt"}, r"a sound must be one of \.wav"),
        ({"audio_path": "/no/such.wav"}, "cannot be read: No such file"),
        ({"audio_paths": [5]}, r"metadata\.audio_paths must be a string, got int"),
        ({"audio_data": URI, "audio_path": "/a.wav"}, "metadata has audio_data and audio_path"),
    ],
)
def test_a_sound_that_cannot_be_had_rejects_the_request(metadata: JsonObject, message: str) -> None:
    with pytest.raises(RolloutFailure, match=message) as caught:
        heard(metadata)

    assert caught.value.failure_class is FailureClass.MODEL_REJECTED
