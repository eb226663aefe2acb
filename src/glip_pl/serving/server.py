"""The server: litserve's processes and queue, with our own route, messages and pages."""

import asyncio
import contextlib
import multiprocessing
import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable
from multiprocessing.connection import wait
from multiprocessing.managers import SyncManager
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, JSONResponse
from litserve import LitServer
from litserve.utils import ResponseBufferItem

from glip_pl.errors import UserError
from glip_pl.serving.address import Address
from glip_pl.serving.description import PURPOSE, REQUEST_BODY, RESPONSES, page
from glip_pl.serving.fields import Defaults
from glip_pl.serving.limits import Limits
from glip_pl.serving.processes import end_children, end_with_parent, stopping_signals
from glip_pl.serving.reading import read_query
from glip_pl.serving.worker import PATH, DetectionAPI

FAILED, BUSY, UNANSWERED = 500, 503, 504
"""Status codes: a worker failed; too many requests wait; no answer in time."""

DEFAULT_PAGES = ("/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json", "/", "/info")
"""Pages of FastAPI and litserve that are left out or replaced.

Two load programs from the internet; `/info` tells litserve's device, not that of the model.
"""


class DetectionServer(LitServer):
    """A server of which no process outlives the others."""

    def __init__(self, api: DetectionAPI, workers: int, limits: Limits, defaults: Defaults) -> None:
        super().__init__(
            api, accelerator="cpu", workers_per_device=workers, timeout=limits.seconds
        )  # the accelerator is only litserve's: each worker chooses its device by the settings
        self.limits = limits
        self.defaults = defaults
        self.ready: Callable[[], None] = lambda: None
        self.failed = False
        self._monitor_workers = False  # it would leave the main process waiting for ever
        self.uvicorn_graceful_timeout = 10
        _replace_pages(self.app, limits, defaults)
        self.app.add_api_route(
            PATH,
            self.predict,
            methods=["POST"],
            summary="Find in a picture what a text, a list of names or example boxes describe",
            openapi_extra={"requestBody": REQUEST_BODY},
            responses=RESPONSES,
        )

    async def predict(self, request: Request) -> JSONResponse:
        """Answer one request."""
        if len(self.response_buffer) >= self.limits.waiting:
            message = f"{self.limits.waiting} requests wait already, as many as this server takes"
            raise HTTPException(BUSY, message, {"Retry-After": "1"})
        key, item = str(uuid.uuid4()), ResponseBufferItem(asyncio.Event())
        self.response_buffer[key] = item
        try:
            query = await read_query(request, self.limits, self.defaults)
            entry = (self.app.response_queue_id, key, time.monotonic(), query)
            await asyncio.to_thread(self._get_request_queue(PATH).put, entry)
            async with asyncio.timeout(self.limits.seconds):
                await item.event.wait()
        except TimeoutError:
            message = f"there was no answer within {self.limits.seconds:g} seconds"
            raise HTTPException(UNANSWERED, message) from None
        finally:
            del self.response_buffer[key]
        answer, _ = item.response
        if not hasattr(answer, "body"):  # what litserve sends if a worker raised an exception
            raise HTTPException(FAILED, "the server failed; its log says why")
        return JSONResponse(answer.body, answer.status)

    @contextlib.asynccontextmanager
    async def lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        """Runs around the life of the process that speaks HTTP."""
        end_with_parent()
        async with super().lifespan(app):
            yield

    def _init_manager(self, num_api_servers: int) -> Any:
        # The process that holds the queues would outlive a main process that was killed.
        SyncManager.register("end_with_parent", end_with_parent)
        manager = super()._init_manager(num_api_servers)
        manager.end_with_parent()
        return manager

    def _start_server(self, *args: Any, **kwargs: Any) -> Any:
        started = super()._start_server(*args, **kwargs)
        self.ready()
        children = [*started.values(), *self.inference_workers]
        threading.Thread(target=self._stop_after, args=(children,), daemon=True).start()
        return started

    def _stop_after(self, children: list[multiprocessing.Process]) -> None:
        """Stop the server when one of its processes has ended, so that its absence is noticed."""
        wait([child.sentinel for child in children])
        self.failed = True
        with contextlib.suppress(OSError, EOFError):  # the server is being stopped anyway
            self._shutdown_event.set()


def run(server: DetectionServer, address: Address) -> None:
    """Serve until Ctrl-C or SIGTERM. Raises UserError if the model cannot be loaded."""
    with stopping_signals() as stopped:
        try:
            server.run(
                host=address.host,
                port=address.port,
                num_api_servers=1,
                log_level="error",
                generate_client_file=False,
            )
        except KeyboardInterrupt:  # while the model was loaded
            pass
        except RuntimeError as error:
            raise UserError("the server could not load its model") from error
        finally:
            end_children()
        if server.failed and not stopped.is_set():
            raise UserError("a process of the server has ended unexpectedly: the server stopped")


def _replace_pages(app: FastAPI, limits: Limits, defaults: Defaults) -> None:
    """Serve our own page about the API, which needs nothing from elsewhere."""
    kept = [route for route in app.router.routes if getattr(route, "path", "") not in DEFAULT_PAGES]
    app.router.routes[:] = kept
    app.title, app.description = "glip_pl", PURPOSE

    @app.get("/openapi.json", include_in_schema=False)
    def schema() -> JSONResponse:
        return JSONResponse(app.openapi())

    @app.get("/", include_in_schema=False)
    @app.get("/docs", include_in_schema=False)
    def documentation() -> HTMLResponse:
        return HTMLResponse(page(app.openapi(), limits, defaults))
