import asyncio

from polygym.channels.sessions import SessionStore

BRIEF_S = 0.02


class Recorded:
    """A session that knows whether it was closed."""

    def __init__(self) -> None:
        self.closings = 0
        self.closed = asyncio.Event()

    async def close(self) -> None:
        self.closings += 1
        self.closed.set()


def test_a_session_is_found_by_its_key_until_it_is_closed() -> None:
    async def main() -> None:
        store: SessionStore[Recorded] = SessionStore(60)
        session = Recorded()
        store.put("a", session)
        with store.using("a") as found, store.using("b") as missing:
            assert found is session and missing is None

        await store.close("a")
        await store.close("a")
        with store.using("a") as found:
            assert found is None
        assert session.closings == 1 and len(store) == 0
        await store.close_all()

    asyncio.run(main())


def test_a_session_that_nobody_closes_expires() -> None:
    async def main() -> None:
        store: SessionStore[Recorded] = SessionStore(BRIEF_S)
        first, second = Recorded(), Recorded()
        store.put("a", first)
        store.put("b", second)
        await first.closed.wait()
        await second.closed.wait()
        assert len(store) == 0

        third = Recorded()
        store.put("c", third)
        await third.closed.wait()
        await store.close_all()

    asyncio.run(main())


def test_a_session_does_not_expire_during_a_call_and_lives_on_after_it() -> None:
    async def main() -> None:
        store: SessionStore[Recorded] = SessionStore(BRIEF_S)
        busy, idle = Recorded(), Recorded()
        store.put("busy", busy)
        store.put("idle", idle)
        with store.using("busy"):
            await idle.closed.wait()
            await asyncio.sleep(3 * BRIEF_S)
            assert not busy.closings
        with store.using("busy") as found:
            assert found is busy
        await busy.closed.wait()
        await store.close_all()

    asyncio.run(main())


def test_closing_all_closes_each_once_and_stops_looking() -> None:
    async def main() -> None:
        store: SessionStore[Recorded] = SessionStore(60)
        sessions = [Recorded() for _ in range(5)]
        for index, session in enumerate(sessions):
            store.put(str(index), session)

        await store.close_all()

        assert [session.closings for session in sessions] == [1] * 5
        assert len(store) == 0 and len(asyncio.all_tasks()) == 1

    asyncio.run(main())
