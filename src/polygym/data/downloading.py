"""Files of datasets from the Hugging Face Hub: one file of a repository, streamed to its place."""

import os
import shutil
import urllib.error
import urllib.request
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import quote

from polygym.config.model import Dataset
from polygym.protocol.errors import InputError

HUB: Final = "https://huggingface.co"
ENDPOINT_VARIABLE: Final = "HF_ENDPOINT"
TOKEN_VARIABLE: Final = "HF_TOKEN"
TOKEN_SETTING: Final = "hf_token"
IDENTIFIER: Final = "huggingface_identifier"
STALL_S: Final = 60.0
"""Seconds without a byte after which a download is given up."""


def is_on_hub(dataset: Dataset) -> bool:
    """Whether the configuration says which repository of the Hub a dataset is in."""
    return hub_identifier(dataset) is not None


def hub_identifier(dataset: Dataset) -> dict[str, Any] | None:
    """Where on the Hub a dataset is: `huggingface_identifier`, or a `source` of the type `huggingface`."""
    found, source = dataset.fields.get(IDENTIFIER), dataset.fields.get("source")
    if isinstance(source, dict) and source.get("type") == "huggingface":
        return source
    return found if isinstance(found, dict) else None


def download(dataset: Dataset, token: str | None = None) -> Path:
    """Get a dataset's file from the Hub; the file. It appears when it is there to the end.

    `token` counts before that of the environment. Raises InputError saying what the Hub answered, and what to do.
    """
    identifier = hub_identifier(dataset) or {}
    repository, file = identifier.get("repo_id"), identifier.get("artifact_fpath")
    if not repository or not file:
        raise InputError(
            f"dataset '{dataset.name}': {IDENTIFIER} must have repo_id and artifact_fpath, the file in the repository."
            f" Add it, or put the rows at {dataset.path}."
        )
    endpoint = os.environ.get(ENDPOINT_VARIABLE, HUB).rstrip("/")
    url = f"{endpoint}/datasets/{quote(repository)}/resolve/main/{quote(file)}"
    token = token or os.environ.get(TOKEN_VARIABLE)
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    part = dataset.path.with_name(f".{dataset.path.name}.{os.getpid()}.part")
    dataset.path.parent.mkdir(parents=True, exist_ok=True)
    try:
        opener = urllib.request.build_opener(_Redirects)
        with opener.open(request, timeout=STALL_S) as answer, part.open("wb") as stream:
            shutil.copyfileobj(answer, stream)
            if answer.length:  # reading piece by piece, http.client takes a lost connection for the end
                raise ConnectionError(f"{answer.length} bytes are missing at the end")
        part.replace(dataset.path)
    except urllib.error.HTTPError as error:
        advice = f" Set {TOKEN_SETTING} in env.yaml." if error.code in (401, 403) else ""
        raise InputError(f"dataset '{dataset.name}': {url} answered {error.code} {error.reason}.{advice}") from error
    except (OSError, HTTPException) as error:
        raise InputError(f"dataset '{dataset.name}': {url} cannot be had: {error}.") from error
    finally:
        part.unlink(missing_ok=True)
    return dataset.path


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Keeps the token from other hosts: the Hub sends callers on to where it stores large files."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        following = super().redirect_request(req, fp, code, msg, headers, newurl)
        if following is not None and (following.type, following.host) != (req.type, req.host):
            following.remove_header("Authorization")
        return following
