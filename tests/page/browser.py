"""A real browser that records what it asks for."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, sync_playwright

OPTIONS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
"""The browser of a container, which itself asks for nothing from the network."""

NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextlib.contextmanager
def browsing() -> Iterator[tuple[Page, list[str]]]:
    """A tab of a headless Chromium, and the hosts from which it has asked for something.

    CHROMIUM names the program; the test is skipped where there is none.
    """
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("there is no Chromium on this machine; CHROMIUM=<program> names one")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=OPTIONS)
        context = browser.new_context(viewport={"width": 1280, "height": 1000})
        hosts: list[str] = []
        context.on("request", lambda request: hosts.append(urlsplit(request.url).hostname or ""))
        yield context.new_page(), hosts
        browser.close()
