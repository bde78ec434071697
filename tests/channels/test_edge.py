import asyncio
import gzip
import json
from typing import Any

import pytest

from polygym import RolloutFailure, RolloutView, Session, tool
from polygym.channels.embedded import EmbeddedResources
from polygym.protocol.failures import FailureClass, Stage
from polygym.protocol.json import JsonObject
from tests.channels.callers import Caller, served
from tests.servers.notebook import Notebook, answer, made, row

COOKIE = "Notebook___notebook"
BARE_RESPONSE = {"id": "resp", "created_at": 0, "model": "m", "object": "response", "output": []}
"""As some clients send it: without `parallel_tool_calls`, `tool_choice` and `tools`."""


def notebook(**fields: Any) -> EmbeddedResources:
    return EmbeddedResources(made(Notebook, "notebook", **fields))


def test_a_rollout_goes_through_seed_tools_and_verify() -> None:
    async def main() -> None:
        channel = notebook()
        async with served(channel) as caller:
            client, sent = caller(), row("a b", tools=[], other={"deep": [1]}, _ng_task_index=3, _ng_rollout_index=1)
            assert await client.post("/seed_session", sent) == (200, {"first": "write a b"})
            assert await client.post("/write", {"text": "a"}) == (200, {"lines": 1})
            assert await client.post("/write", {"text": "b"}) == (200, {"lines": 2})
            assert (await client.send("POST", "/read"))[:2] == (200, b"a b")
            status, verified = await client.post("/verify", {**sent, "response": answer()})
            assert status == 200
            assert verified.pop("response")["output"] == []
            assert verified == {**sent, "reward": 1.0, "text": "a b"}
            assert channel.server.closed == ["3-1"]

    asyncio.run(main())


def test_the_cookie_has_the_protocols_name_and_attributes_and_comes_with_every_answer() -> None:
    async def main() -> None:
        async with served(notebook()) as caller:
            client = caller()
            await client.post("/seed_session", row("a"))
            assert client.morsel is not None and client.morsel.key == COOKIE
            assert (client.morsel["path"], client.morsel["max-age"], client.morsel["httponly"]) == (
                "/",
                "1209600",
                True,
            )
            assert client.morsel["samesite"].lower() == "lax"
            assert client.headers["Vary"] == "Cookie"
            key = client.morsel.value
            for method, path, body in (
                *(("POST", "/write", {"text": "a"}), ("POST", "/write", {"txt": 1}), ("POST", "/tear", {})),
                *(("POST", "/unknown", {}), ("GET", "/", None), ("GET", "/no/where", None), ("POST", "/verify", {})),
                ("POST", "/aggregate_metrics", {}),
            ):
                await client.send(method, path, body)
                assert client.morsel is not None and client.morsel.value == key, path

    asyncio.run(main())


def test_interleaved_sessions_do_not_see_each_other() -> None:
    async def one(client: Caller, index: int) -> JsonObject:
        words = [str(index), str(index * 7)]
        await client.post("/seed_session", row(" ".join(words)))
        for word in words:
            await client.post("/write", {"text": word})
        return (await client.post("/verify", {**row(" ".join(words)), "response": answer()}))[1]

    async def main() -> None:
        async with served(notebook()) as caller:
            verified = await asyncio.gather(*(one(caller(), index) for index in range(60)))
            assert [entry["reward"] for entry in verified] == [1.0] * 60

    asyncio.run(main())


def test_verify_works_without_any_session_and_fills_the_envelope() -> None:
    async def main() -> None:
        channel = notebook()
        async with served(channel) as caller:
            client = caller(keeps_cookies=False)
            for _ in range(2):
                status, verified = await client.post(
                    "/verify", {"expected": "", "kept": None, "response": BARE_RESPONSE}
                )
                assert (status, verified["reward"], verified["kept"]) == (200, 1.0, None)
                assert verified["responses_create_params"] == {"input": []}
                assert verified["response"] == {
                    **BARE_RESPONSE,
                    "parallel_tool_calls": True,
                    "tool_choice": "auto",
                    "tools": [],
                }
            assert len(channel.server.closed) == 2

    asyncio.run(main())


def test_a_caller_that_keeps_its_cookie_may_verify_again_and_again() -> None:
    async def main() -> None:
        async with served(notebook()) as caller:
            client = caller()
            await client.post("/seed_session", row("a"))
            await client.post("/write", {"text": "a"})
            assert (await client.post("/verify", {**row("a"), "response": answer()}))[1]["reward"] == 1.0
            assert (await client.post("/verify", {**row("a"), "response": answer()}))[1]["reward"] == 0.0

    asyncio.run(main())


def test_verify_takes_the_row_that_it_is_given() -> None:
    async def main() -> None:
        async with served(notebook()) as caller:
            client = caller()
            await client.post("/seed_session", row("of the seed"))
            await client.post("/write", {"text": "a"})
            assert (await client.post("/verify", {**row("a"), "response": answer()}))[1]["reward"] == 1.0

            await client.post("/seed_session", row("a"))
            status, failed = await client.post("/verify", {"expected": 1, "response": answer()})
            assert (status, failed["_ng_failure_class"]) == (500, "verifier_error")
            assert "expected: Input should be a valid string" in failed["_ng_failure_message"]

    asyncio.run(main())


def test_a_session_that_is_gone_is_said_so_and_not_replaced() -> None:
    async def main() -> None:
        channel = notebook(session_ttl_s=0.01)
        async with served(channel) as caller:
            client = caller()
            await client.post("/seed_session", row("a", _ng_rollout_id="gone"))
            async with asyncio.timeout(10):
                while not channel.server.closed:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            assert channel.server.closed == ["gone"]
            for path, body in (("/write", {"text": "a"}), ("/verify", {**row("a"), "response": answer()})):
                status, failed = await client.post(path, body)
                assert (status, failed["_ng_failure_class"]) == (503, "environment_lost")
            assert (await client.post("/seed_session", row("a")))[0] == 200

    asyncio.run(main())


def test_a_verification_that_failed_cannot_be_repeated_with_fresh_state() -> None:
    class Failing(Notebook):
        def verify(self, rollout: RolloutView, session: Session[Any, Any]) -> Any:
            return None

    async def main() -> None:
        channel = EmbeddedResources(made(Failing, "notebook"))
        async with served(channel) as caller:
            client = caller()
            await client.post("/seed_session", row("a"))
            body = {**row("a"), "response": answer()}
            assert (await client.post("/verify", body))[1]["_ng_failure_class"] == "verifier_error"
            assert len(channel.server.closed) == 1
            assert (await client.post("/verify", body))[1]["_ng_failure_class"] == "environment_lost"

    asyncio.run(main())


def test_close_session_releases_the_state() -> None:
    async def main() -> None:
        channel = notebook()
        async with served(channel) as caller:
            client = caller()
            await client.post("/seed_session", row("a", _ng_rollout_id="r"))
            body = {"resources_session_id": "mine", "episode_id": {}}
            assert await client.post("/close_session", body) == (200, {"resources_session_id": "mine"})
            assert await client.post("/close_session") == (200, {"resources_session_id": None})
            assert channel.server.closed == ["r"]

    asyncio.run(main())


def test_seeding_again_closes_the_session_before() -> None:
    async def main() -> None:
        channel = notebook()
        async with served(channel) as caller:
            client = caller()
            await client.post("/seed_session", row("a", _ng_rollout_id="first"))
            await client.post("/seed_session", row("a", _ng_rollout_id="second"))
            assert channel.server.closed == ["first"]

    asyncio.run(main())


def test_tool_results_say_whether_they_are_json_and_errors_have_a_status() -> None:
    async def main() -> None:
        async with served(notebook()) as caller:
            client = caller()
            await client.post("/seed_session", row("a"))
            assert (await client.send("POST", "/write", {"text": "a word"}))[::2] == (200, "application/json")
            assert await client.send("POST", "/read", {}) == (200, b"a word", "text/plain")
            assert await client.send("POST", "/erase", {"line": 4}) == (
                400,
                b'{"error":"there are 1 lines only"}',
                "application/json",
            )
            status, unknown = await client.post("/wirte", {})
            assert (status, unknown) == (404, {"error": "There is no tool 'wirte'. Meant 'write'?"})

    asyncio.run(main())


def test_another_servers_failure_inside_a_tool_is_reported_as_one() -> None:
    class Judged(Notebook):
        @tool
        def judge(self) -> str:
            raise RolloutFailure(FailureClass.MODEL_RATE_LIMITED, Stage.MODEL, "too fast", retry_after_s=1.2)

    async def main() -> None:
        async with served(EmbeddedResources(made(Judged))) as caller:
            client = caller()
            await client.post("/seed_session", row("a"))
            status, failed = await client.post("/judge", {})
            assert (status, failed["_ng_failure_class"]) == (503, "environment_lost")
            assert client.headers["Retry-After"] == "2"

    asyncio.run(main())


@pytest.mark.parametrize(
    ("path", "data", "location"),
    [
        ("/seed_session", b"{not json", ["body"]),
        ("/seed_session", b"[1]", ["body"]),
        ("/write", b"nonsense", ["body"]),
        ("/verify", b"{}", ["body", "response"]),
        ("/verify", b'{"response": "text"}', ["body", "response"]),
        ("/aggregate_metrics", b"{}", ["body", "verify_responses"]),
        ("/aggregate_metrics", b'{"verify_responses": [1]}', ["body", "verify_responses"]),
    ],
)
def test_a_body_that_does_not_fit_gets_422_with_its_place(path: str, data: bytes, location: list[str]) -> None:
    async def main() -> None:
        async with served(notebook()) as caller:
            status, raw, _ = await caller().send("POST", path, data=data)
            (detail,) = json.loads(raw)["detail"]
            assert status == 422 and detail["loc"] == location
            assert detail.keys() == {"type", "loc", "msg", "input"}

    asyncio.run(main())


def test_an_error_nobody_expected_is_a_500_with_its_repr_as_json_string(caplog: pytest.LogCaptureFixture) -> None:
    class Odd(Notebook):
        def seed_session(self, session: Session[Any, Any]) -> JsonObject:
            return {"board": object()}

    async def main() -> None:
        async with served(EmbeddedResources(made(Odd))) as caller:
            status, text = await caller().post("/seed_session", row("a"))
            assert status == 500 and text.startswith("TypeError(")
            assert "POST /seed_session: TypeError" in caplog.text

    asyncio.run(main())


def test_liveness_metrics_and_unknown_paths() -> None:
    async def main() -> None:
        async with served(notebook()) as caller:
            client = caller()
            for path in ("/", "/livez", "/readyz", "/healthz", "/health"):
                assert (await client.send("GET", path))[:2] == (200, b'{"status":"ok"}')
            assert (await client.send("GET", "/reverify_mode"))[:2] == (200, b'"unknown"')
            assert (await client.send("GET", "/no/where"))[:2] == (404, b'{"detail":"Not Found"}')
            assert (await client.send("GET", "/verify"))[0] == 405
            rows = [{"reward": 1.0, "_ng_task_index": 0, "_ng_rollout_index": 0}]
            status, metrics = await client.post("/aggregate_metrics", {"verify_responses": rows})
            assert status == 200 and metrics["agent_metrics"]["mean/reward"] == 1.0
            assert {"group_level_metrics", "key_metrics"} < metrics.keys()

    asyncio.run(main())


def test_large_and_compressed_bodies_are_read() -> None:
    async def main() -> None:
        async with served(notebook()) as caller:
            client = caller()
            text = "x" * (3 << 20)
            assert (await client.post("/seed_session", row("a", image=text)))[0] == 200
            packed = gzip.compress(json.dumps(row("a")).encode())
            async with client.session.post(
                client.url + "/seed_session", data=packed, headers={"Content-Encoding": "gzip"}
            ) as response:
                assert response.status == 200

    asyncio.run(main())
