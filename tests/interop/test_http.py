"""HTTP: servers and clients of aiohttp, tornado, uvicorn, httpx and websockets, on the loopback."""

import asyncio
import socket

import pytest

from interop.running import library, run

HOST = "127.0.0.1"


def test_aiohttp_server_and_client(impl):
    web, aiohttp = library("aiohttp.web"), library("aiohttp")

    async def body():
        kinds = set()

        async def greet(request):
            kinds.add(type(asyncio.current_task()))
            return web.json_response({"name": request.match_info["name"]})

        async def echo(request):
            ws = web.WebSocketResponse()
            await ws.prepare(request)
            async for message in ws:
                await ws.send_str(message.data.upper())
            return ws

        app = web.Application()
        app.add_routes([web.get("/greet/{name}", greet), web.get("/echo", echo)])
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, HOST, 0).start()
        (_, port), *_ = runner.addresses
        try:
            async with aiohttp.ClientSession(f"http://{HOST}:{port}") as session:

                async def get(number):
                    async with session.get(f"/greet/{number}") as response:
                        return (await response.json())["name"]

                names = await asyncio.gather(*(get(number) for number in range(10)))
                async with session.ws_connect("/echo") as ws:
                    await ws.send_str("text")
                    echoed = await ws.receive_str()
                with pytest.raises(TimeoutError):
                    await session.get("/greet/late", timeout=aiohttp.ClientTimeout(total=1e-9))
        finally:
            await runner.cleanup()
        return names, echoed, kinds == {impl.Task}

    assert run(impl, body) == ([str(number) for number in range(10)], "TEXT", True)


def test_aiohttp_handlers_are_cancelled_when_the_client_goes(impl):
    web, aiohttp = library("aiohttp.web"), library("aiohttp")

    async def body():
        entered, ended = asyncio.Event(), asyncio.get_running_loop().create_future()

        async def handler(request):
            entered.set()
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                ended.set_result("cancelled")
                raise

        app = web.Application()
        app.add_routes([web.get("/", handler)])
        runner = web.AppRunner(app, handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, HOST, 0).start()
        (_, port), *_ = runner.addresses
        try:
            async with aiohttp.ClientSession() as session:
                request = asyncio.create_task(session.get(f"http://{HOST}:{port}/"))
                await entered.wait()
                request.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await request
                return await ended
        finally:
            await runner.cleanup()

    assert run(impl, body) == "cancelled"


def starlette_app(log):
    """Returns an application with a route, a background task and a lifespan."""
    applications = library("starlette.applications")
    background, routing = library("starlette.background"), library("starlette.routing")
    responses = library("starlette.responses")

    async def greet(request):
        log.append(type(asyncio.current_task()))
        name = (await request.json())["name"]
        later = background.BackgroundTask(log.append, "background")
        return responses.JSONResponse({"hello": name}, background=later)

    def in_thread(request):
        return responses.StreamingResponse(iter(["one ", "two"]))

    routes = [
        routing.Route("/greet", greet, methods=["POST"]),
        routing.Route("/thread", in_thread),
    ]
    return applications.Starlette(routes=routes)


@pytest.mark.once
def test_httpx_calls_starlette_in_process(impl):
    httpx = library("httpx")

    async def body():
        log = []
        transport = httpx.ASGITransport(app=starlette_app(log))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            answer = await client.post("/greet", json={"name": "you"})
            streamed = await client.get("/thread")
        return answer.json(), streamed.text, log == [impl.Task, "background"]

    assert run(impl, body) == ({"hello": "you"}, "one two", True)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_uvicorn_serves(impl, loop):
    httpx, uvicorn = library("httpx"), library("uvicorn")
    make_loop = asyncio.SelectorEventLoop
    if loop == "uvloop":
        make_loop = library("uvloop").new_event_loop

    async def body():
        log = []
        listener = socket.create_server((HOST, 0))
        config = uvicorn.Config(starlette_app(log), log_level="critical", ws="none")
        server = uvicorn.Server(config)
        with listener:
            serving = asyncio.create_task(server._serve([listener]))
            try:
                url = f"http://{HOST}:{listener.getsockname()[1]}"
                async with httpx.AsyncClient(base_url=url) as client:
                    answer = await client.post("/greet", json={"name": "you"})
            finally:
                server.should_exit = True
                await serving
        return answer.json(), log == [impl.Task, "background"]

    assert run(impl, body, make_loop=make_loop) == ({"hello": "you"}, True)


@pytest.mark.once
def test_websockets_echo(impl):
    client, server = library("websockets.asyncio.client"), library("websockets.asyncio.server")
    exceptions = library("websockets.exceptions")

    async def body():
        kinds = set()

        async def handler(connection):
            kinds.add(type(asyncio.current_task()))
            async for message in connection:
                await connection.send(message[::-1])

        async with server.serve(handler, HOST, 0) as serving:
            port = serving.sockets[0].getsockname()[1]
            async with client.connect(f"ws://{HOST}:{port}", proxy=None) as connection:
                await connection.send("text")
                echoed = await connection.recv()
                pong = await connection.ping()
                await pong
            with pytest.raises(exceptions.ConnectionClosed):
                await connection.recv()
        return echoed, kinds == {impl.Task}

    assert run(impl, body) == ("txet", True)


def test_tornado_serves_coroutines_of_both_kinds(impl):
    gen, httpclient = library("tornado.gen"), library("tornado.httpclient")
    httpserver, testing = library("tornado.httpserver"), library("tornado.testing")
    web = library("tornado.web")

    async def body():
        kinds = set()

        class Native(web.RequestHandler):
            async def get(self):
                kinds.add(type(asyncio.current_task()))
                await gen.sleep(0)
                self.write("native")

        class Decorated(web.RequestHandler):
            @gen.coroutine
            def get(self):
                results = yield [gen.maybe_future(1), asyncio.sleep(0, 2)]
                self.write(str(results))

        listener, port = testing.bind_unused_port()
        server = httpserver.HTTPServer(web.Application([("/n", Native), ("/d", Decorated)]))
        server.add_socket(listener)
        client = httpclient.AsyncHTTPClient(force_instance=True)
        try:
            answers = [
                (await client.fetch(f"http://{HOST}:{port}/{path}")).body for path in ("n", "d")
            ]
            with pytest.raises(httpclient.HTTPError):
                await client.fetch(f"http://{HOST}:{port}/none")
        finally:
            client.close()
            server.stop()
            await server.close_all_connections()
        return answers, kinds

    answers, kinds = run(impl, body)
    assert answers == [b"native", b"[1, 2]"]
    # tornado drives native coroutines itself, within the task of the connection or none.
    assert kinds <= {impl.Task, type(None)}
