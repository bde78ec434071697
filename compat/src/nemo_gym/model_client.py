"""A client for an endpoint that speaks OpenAI's dialects; answers are plain JSON."""

from asyncio import sleep
from typing import Any, Final

from aiohttp import ClientResponse
from pydantic import BaseModel, Field

from nemo_gym import outgoing

RATE_LIMIT_ERROR_CODES: Final = [429, 502, 503, 504, 520]
"""Statuses that say the endpoint is busy: asked again until they stop."""
RETRY_ERROR_CODES: Final = [*RATE_LIMIT_ERROR_CODES, 500]
"""Statuses that another try may cure."""
PAUSE_S: Final = 0.5
"""Seconds between two tries."""


class NeMoGymAsyncOpenAI(BaseModel):
    """An endpoint. Methods raise aiohttp's ClientResponseError, with `response_content`, for what stays an error."""

    base_url: str
    api_key: str
    internal: bool = Field(default=False, description="Whether the endpoint is a server of this fleet.")
    default_headers: dict[str, str] = Field(default_factory=dict, description="Sent with every request.")

    async def create_models(self) -> Any:
        """GET /models."""
        return await self._json("GET", f"{self.base_url}/models")

    async def create_chat_completion(self, **kwargs: Any) -> Any:
        """POST /chat/completions."""
        return await self._json("POST", f"{self.base_url}/chat/completions", json=kwargs)

    async def create_completion(self, **kwargs: Any) -> Any:
        """POST /completions."""
        return await self._json("POST", f"{self.base_url}/completions", json=kwargs)

    async def create_response(self, **kwargs: Any) -> Any:
        """POST /responses."""
        return await self._json("POST", f"{self.base_url}/responses", json=kwargs)

    async def create_tokenize(self, **kwargs: Any) -> Any:
        """POST /tokenize, which lies beside /v1."""
        return await self._json("POST", f"{self.base_url.removesuffix('/v1')}/tokenize", json=kwargs)

    async def _json(self, method: str, url: str, **kwargs: Any) -> Any:
        response = await self._request(method=method, url=url, **kwargs)
        await outgoing.raise_for_status(response)
        return await outgoing.get_response_json(response)

    async def _request(self, **request_kwargs: Any) -> ClientResponse:
        headers = {**self.default_headers, "Authorization": f"Bearer {self.api_key}"}
        return await self._request_with_retry(**{**request_kwargs, "headers": headers, "_internal": self.internal})

    async def _request_with_retry(self, **request_kwargs: Any) -> ClientResponse:
        failures = 0
        while True:
            response = await outgoing.request(**request_kwargs)
            if response.status not in RETRY_ERROR_CODES:
                return response
            failures += response.status not in RATE_LIMIT_ERROR_CODES
            if failures >= outgoing.MAX_NUM_TRIES:
                await outgoing.raise_for_status(response)
            await response.read()
            await sleep(PAUSE_S)
