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
    """Give one file, to those with the token; others from storage that wants none, or not to the end."""
    host, port = call.headers["Host"].split(":")
    is_storage = host == "localhost"
    if call.headers.get("Authorization") != (None if is_storage else "Bearer right"):
        call.send_error(400 if is_storage else 401)
        return
    file = call.path.removeprefix("/datasets/org/sums/resolve/main/")
    if file == "data/stored.jsonl" and not is_storage:
        call.send_response(302)
        call.send_header("Location", f"http://localhost:{port}{call.path}")
        call.end_headers()
    elif file in ("data/train.jsonl", "data/stored.jsonl", "data/torn.jsonl", "data/torn_chunks.jsonl"):
        call.send_response(200)
        if file == "data/torn.jsonl":
            call.send_header("Content-Length", "100")
        if file == "data/torn_chunks.jsonl":
            call.send_header("Transfer-Encoding", "chunked")
        call.end_headers()
        call.wfile.write(b'20\r\n{"n"' if file == "data/torn_chunks.jsonl" else b'{"n": 1}\n')
    else:
        call.send_error(404)


HUB = type("Hub", (BaseHTTPRequestHandler,), {"do_GET": answer, "log_message": lambda *_: None})


@pytest.fixture(autouse=True)
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The Hub while a test runs."""
    server = HTTPServer(("127.0.0.1", 0), HUB)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
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
        ("data/torn.jsonl", "right", "cannot be had: 91 bytes are missing at the end"),
        ("data/torn_chunks.jsonl", "right", "cannot be had: IncompleteRead"),
    ],
)
def test_what_the_hub_refuses_or_does_not_finish_leaves_nothing_behind(
    tmp_path: Path, file: str, token: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        download(dataset(tmp_path, repo_id="org/sums", artifact_fpath=file), token)
    assert list((tmp_path / "new").iterdir()) == []


def test_the_token_stays_at_the_hub_when_it_sends_on_to_storage_elsewhere(tmp_path: Path) -> None:
    wanted = dataset(tmp_path, repo_id="org/sums", artifact_fpath="data/stored.jsonl")

    assert download(wanted, "right").read_text() == '{"n": 1}\n'


def test_a_repository_without_a_file_is_not_enough(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must have repo_id and artifact_fpath"):
        download(dataset(tmp_path, repo_id="org/sums"))
