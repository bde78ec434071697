"""Datasets from a Hub that is a loopback server."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from polygym.config.model import Dataset
from polygym.data.downloading import download
from polygym.protocol.errors import InputError


def answer(call: BaseHTTPRequestHandler) -> None:
    """Give one file, to those with the token."""
    if call.headers.get("Authorization") != "Bearer right":
        call.send_error(401)
    elif call.path != "/datasets/org/sums/resolve/main/data/train.jsonl":
        call.send_error(404)
    else:
        call.send_response(200)
        call.end_headers()
        call.wfile.write(b'{"n": 1}\n')


HUB = type("Hub", (BaseHTTPRequestHandler,), {"do_GET": answer, "log_message": lambda *_: None})


@pytest.fixture(autouse=True)
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The Hub while a test runs."""
    server = HTTPServer(("127.0.0.1", 0), HUB)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    yield
    server.shutdown()
    thread.join()
    server.server_close()


def dataset(tmp_path: Path, **identifier: str) -> Dataset:
    return Dataset("sums", "train", tmp_path / "new" / "train.jsonl", 1, {"huggingface_identifier": identifier})


def test_a_file_is_got_with_the_token_of_the_settings_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = dataset(tmp_path, repo_id="org/sums", artifact_fpath="data/train.jsonl")

    assert download(wanted, "right").read_text() == '{"n": 1}\n'
    monkeypatch.setenv("HF_TOKEN", "right")
    assert download(wanted).read_text() == '{"n": 1}\n'


@pytest.mark.parametrize(
    ("file", "token", "message"),
    [
        ("data/train.jsonl", "wrong", r"answered 401 Unauthorized\. Set hf_token"),
        ("absent.jsonl", "right", "answered 404 Not Found"),
    ],
)
def test_what_the_hub_refuses_leaves_nothing_behind(tmp_path: Path, file: str, token: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        download(dataset(tmp_path, repo_id="org/sums", artifact_fpath=file), token)
    assert list((tmp_path / "new").iterdir()) == []


def test_a_repository_without_a_file_is_not_enough(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must have repo_id and artifact_fpath"):
        download(dataset(tmp_path, repo_id="org/sums"))
