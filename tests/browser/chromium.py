"""A real browser, driven by Playwright."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --force-color-profile=srgb"
).split()


def executable() -> str | None:
    wanted = (os.environ.get("AXONHUB_BROWSER", ""), *_NAMES)
    return next((found for name in wanted if name and (found := shutil.which(name))), None)


@contextmanager
def browser() -> Iterator[Browser]:
    """Skips the test when there is none; CI forbids that."""
    path = executable()
    if path is None:
        pytest.skip("no Chromium is installed: run scripts/browser")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=_FLAGS)
        try:
            yield launched
        finally:
            launched.close()
