"""A headless browser and the pages that it opens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from tests.conftest import ROOT, need_tool
from tests.report.auditing import audited
from tests.report.html import fleet

_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars", "--window-size=1300,1000",
)  # fmt: skip


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """Chromium with its own profile that logs console messages and network requests."""
    options = ChromeOptions()
    options.binary_location = need_tool("chromium")
    for flag in (*_FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options, Service(executable_path=need_tool("chromedriver")))
    yield driver
    driver.quit()


def _log(browser: Chrome, name: str) -> list[dict[str, Any]]:
    """Returns the log entries since the last call."""
    entries: list[dict[str, Any]] = browser.get_log(name)  # type: ignore[no-untyped-call]
    return entries


class OpenPage:
    """A page in the browser, with its log."""

    def __init__(self, browser: Chrome, path: Path) -> None:
        self.browser = browser
        self.url = path.as_uri()

    def errors(self) -> list[str]:
        """Returns console errors and violations of the content security policy."""
        return [entry["message"] for entry in _log(self.browser, "browser")]

    def requests(self) -> list[str]:
        """Returns the URLs fetched besides the page itself."""
        import json

        found = []
        for entry in _log(self.browser, "performance"):
            message: dict[str, Any] = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                url = message["params"]["request"]["url"]
                if url.partition("#")[0] != self.url and not url.startswith("data:"):
                    found.append(url)
        return found


Open = Callable[..., OpenPage]


@pytest.fixture
def opened(browser: Chrome) -> Iterator[Open]:
    """A function that opens a page from its file, with or without scripts, by width and colours."""

    def go(
        path: Path, anchor: str = "", *, scripts: bool = True, width: int = 1300, dark: bool = False
    ) -> OpenPage:
        browser.get("about:blank")
        _log(browser, "browser")
        _log(browser, "performance")
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not scripts})
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        browser.set_window_size(width, 1000)
        page = OpenPage(browser, path)
        browser.get(page.url + (f"#{anchor}" if anchor else ""))
        return page

    yield go
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def _written(directory: Path, name: str, capture: bytes) -> Path:
    source, page = directory / f"{name}.pcap", directory / f"{name}.html"
    source.write_bytes(capture)
    page.write_bytes(audited(source, "html"))
    return page


@pytest.fixture(scope="session")
def thousand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a fleet of a thousand devices."""
    return _written(tmp_path_factory.mktemp("fleet"), "fleet", fleet.capture(1000))


@pytest.fixture(scope="session")
def hundred(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a fleet of a hundred devices."""
    return _written(tmp_path_factory.mktemp("fleet"), "fleet", fleet.capture(100))


@pytest.fixture(scope="session")
def household(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the recorded household."""
    capture = ROOT / "samples" / "household" / "household.pcap"
    return _written(tmp_path_factory.mktemp("household"), "household", capture.read_bytes())


@pytest.fixture(scope="session")
def attacked(hostile: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the capture with hostile client ids."""
    page = tmp_path_factory.mktemp("attacked") / "hostile.html"
    page.write_bytes(audited(hostile, "html"))
    return page
