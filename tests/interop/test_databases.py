"""Databases: SQLAlchemy's bridge of greenlets over aiosqlite's threads."""

import asyncio

import pytest

from interop.running import library, run

# Hardly a matter of the interpreter: one of them is enough.
pytestmark = pytest.mark.once


def test_aiosqlite_by_itself(impl):
    aiosqlite = library("aiosqlite")

    async def body():
        async with aiosqlite.connect(":memory:") as database:
            await database.execute("create table t (n integer)")
            await database.executemany("insert into t values (?)", [(n,) for n in range(3)])
            async with database.execute("select n from t order by n") as cursor:
                rows = [row async for row in cursor]
            with pytest.raises(aiosqlite.OperationalError):
                await database.execute("select nothing")
        return rows

    assert run(impl, body) == [(0,), (1,), (2,)]


def test_sqlalchemy_core_and_scoped_sessions(impl):
    library("greenlet")
    library("aiosqlite")
    sql, aio = library("sqlalchemy"), library("sqlalchemy.ext.asyncio")
    pool = library("sqlalchemy.pool")

    async def body():
        engine = aio.create_async_engine("sqlite+aiosqlite://", poolclass=pool.StaticPool)
        table = sql.Table("t", sql.MetaData(), sql.Column("n", sql.Integer))
        kinds = set()

        def create(connection):
            # Synchronous code in a greenlet, within the step of a task.
            kinds.add(type(asyncio.current_task()))
            table.metadata.create_all(connection)

        async with engine.begin() as connection:
            await connection.run_sync(create)
            await connection.execute(table.insert(), [{"n": n} for n in range(5)])
        scoped = aio.async_scoped_session(
            aio.async_sessionmaker(engine), scopefunc=asyncio.current_task
        )

        async def count():
            session = scoped()
            assert scoped() is session
            result = await session.scalar(sql.select(sql.func.count()).select_from(table))
            await scoped.remove()
            return result, id(session)

        counts = [await asyncio.create_task(count()) for _ in range(2)]
        async with engine.connect() as connection:
            result = await connection.stream(sql.select(table.c.n).order_by(table.c.n))
            streamed = [row.n async for row in result]
        await engine.dispose()
        return [each for each, _ in counts], streamed, kinds == {impl.Task}

    assert run(impl, body) == ([5, 5], [0, 1, 2, 3, 4], True)


def test_cancellation_in_the_middle_of_a_greenlet(impl):
    """SQLAlchemy: greenlet_spawn() throws what the task is given into the greenlet that waits."""
    concurrency = library("sqlalchemy.util.concurrency")
    library("greenlet")

    async def body():
        log = []
        future = asyncio.get_running_loop().create_future()

        def synchronous():
            try:
                concurrency.await_only(future)
            except asyncio.CancelledError as error:
                log.append(error.args)
                return concurrency.await_only(asyncio.sleep(0, "cleaned up"))

        task = asyncio.create_task(concurrency.greenlet_spawn(synchronous))
        await asyncio.sleep(0)
        log.append(task._fut_waiter is future)
        task.cancel("message")
        return await task, log

    assert run(impl, body) == ("cleaned up", [True, ("message",)])
