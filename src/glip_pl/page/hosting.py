"""Serves the page to browsers; nothing on it is loaded from elsewhere."""

import os
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import gradio as gr
import uvicorn
from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from glip_pl.page.blocks import Page
from glip_pl.page.examples import write_examples
from glip_pl.serving.address import Address
from glip_pl.serving.processes import stopping_signals

POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; frame-ancestors 'self'; "
    "form-action 'self'; base-uri 'self'"
)
"""Tells browsers to load nothing from other machines (Content-Security-Policy)."""

MAX_UPLOAD = "64mb"

FONTS = ["system-ui", "sans-serif"]
FONTS_MONO = ["ui-monospace", "monospace"]
"""Fonts of the visitor's machine."""


class Policy:
    """Adds POLICY to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Content-Security-Policy"] = POLICY
            await send(message)

        await self.app(scope, receive, send_with_policy)


class PromptServer(uvicorn.Server):
    """Ends although browsers keep connections open."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Note the signal, and wait for no connection."""
        super().handle_exit(sig, frame)
        self.force_exit = True


def application(page: Page, address: Address, folder: Path) -> FastAPI:
    """The page as a web application; example pictures and uploads are kept in `folder`."""
    os.environ["GRADIO_TEMP_DIR"] = str(folder / "uploads")
    examples = folder / "examples"
    examples.mkdir()
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    app.add_middleware(Policy)
    mounted: FastAPI = gr.mount_gradio_app(
        app,
        page.blocks(write_examples(examples)),
        path="/",
        server_name=address.host,
        server_port=address.port,
        footer_links=[],
        show_error=False,  # of the program; those of the user are shown
        max_file_size=MAX_UPLOAD,
        ssr_mode=False,
        theme=gr.themes.Default(font=FONTS, font_mono=FONTS_MONO),
        allowed_paths=[str(examples)],
    )
    return mounted


def run(app: FastAPI, address: Address, announce: Callable[[], None]) -> None:
    """Serve until Ctrl-C or SIGTERM."""
    config = uvicorn.Config(app, host=address.host, port=address.port, log_level="critical")
    server = PromptServer(config)
    with stopping_signals():
        try:
            announce()
            server.run()
        except KeyboardInterrupt:
            pass
