"""The page in a browser: opened from its file, operated, with and without scripts."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select

from tests.conftest import need_tool
from tests.report import hostile as hostile_capture
from tests.report.html.conftest import Open


def one(browser: Chrome, selector: str) -> WebElement:
    """Returns the first element of a selector."""
    return browser.find_element(By.CSS_SELECTOR, selector)


def rows(browser: Chrome) -> list[str]:
    """Returns the names of the visible devices in the table, in order."""
    script = """return [...document.querySelectorAll('#device-rows tr:not(.gone) td:first-child')]
        .map((cell) => cell.textContent)"""
    found: list[str] = browser.execute_script(script)
    return found


def shown(browser: Chrome, selector: str) -> bool:
    """Whether an element is visible."""
    return one(browser, selector).is_displayed()


@pytest.mark.parametrize("name", ["hundred", "thousand", "attacked", "household"])
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_it_is_self_contained(
    opened: Open, request: pytest.FixtureRequest, name: str, scripts: bool
) -> None:
    """Nothing is fetched, nothing is logged, and the policy is not violated."""
    path: Path = request.getfixturevalue(name)
    page = opened(path, scripts=scripts)
    assert page.browser.title.startswith("MQTT audit: ")
    assert page.browser.find_elements(By.CSS_SELECTOR, "#chart-rules rect")
    assert page.errors() == []
    assert page.requests() == []


def test_devices_filter_and_sort(opened: Open, hundred: Path) -> None:
    """A word and a severity filter rows; a click sorts, a second click reverses the order."""
    page = opened(hundred)
    browser = page.browser
    assert len(rows(browser)) == 100
    one(browser, "#find-device").send_keys("sensor002")
    assert rows(browser) == [name for name in rows(browser) if name.startswith("sensor002")]
    assert len(rows(browser)) == 9  # sensor/24 is another
    assert one(browser, "#device-count").text == "9 shown"
    one(browser, "#find-device").send_keys(Keys.BACKSPACE * 9)
    assert len(rows(browser)) == 100
    Select(one(browser, "#worst")).select_by_visible_text("warning")
    assert sorted(rows(browser)) == [f"sensor{number:04d}" for number in range(5, 100, 10)]
    Select(one(browser, "#worst")).select_by_visible_text("any")
    button = one(browser, "#devices th button")
    button.click()
    assert one(browser, "#devices th").get_attribute("aria-sort") == "ascending"
    up = rows(browser)
    button.click()
    assert one(browser, "#devices th").get_attribute("aria-sort") == "descending"
    assert rows(browser) == up[::-1]
    assert page.errors() == []


def test_a_device_is_a_page_with_its_diagram(opened: Open, hundred: Path) -> None:
    """A click on a device shows its page with the handshake diagram; links lead back."""
    page = opened(hundred)
    browser = page.browser
    link = browser.find_element(By.XPATH, "//tbody[@id='device-rows']//a[.='sensor0003']")
    target = str(link.get_attribute("href")).rpartition("#")[2]
    browser.execute_script("arguments[0].scrollIntoView()", link)
    link.click()
    assert shown(browser, f"#{target}")
    assert not shown(browser, "#overview")
    diagram = one(browser, f"#{target} figure.seq")
    assert diagram.is_displayed()
    assert 'CONNECT "sensor0003"' in diagram.text
    assert "SEC05" in diagram.text
    one(browser, f"#{target} a[href='#rule-SEC05']").click()
    assert shown(browser, "#rule-SEC05")
    assert not shown(browser, f"#{target}")
    browser.back()
    assert shown(browser, f"#{target}")
    one(browser, f"#{target} a.back").click()
    assert shown(browser, "#overview")
    assert page.errors() == []
    assert page.requests() == []


def test_a_rule_links_to_its_diagram(opened: Open, hundred: Path) -> None:
    """A rule links to the diagram of its example, which is on the device's page."""
    page = opened(hundred, "rule-SEC05")
    link = one(page.browser, "#rule-SEC05 a[href^='#handshake-']")
    target = str(link.get_attribute("href")).rpartition("#")[2]
    link.click()
    assert shown(page.browser, f"#{target}")


def test_rules_filter(opened: Open, hundred: Path) -> None:
    """A word hides the rules that do not contain it."""
    browser = opened(hundred).browser
    assert shown(browser, "#rule-SEC05")
    one(browser, "#find-rule").send_keys("session-present")
    assert shown(browser, "#rule-SES01")
    assert not shown(browser, "#rule-SEC05")


def test_without_scripts_everything_is_there(opened: Open, hundred: Path) -> None:
    """Overview and pages are shown one below the other, links work, controls are hidden."""
    page = opened(hundred, "device-7", scripts=False)
    browser = page.browser
    assert shown(browser, "#overview")
    assert shown(browser, "#device-7")
    assert shown(browser, "#device-8")
    assert not shown(browser, ".tools")
    assert not browser.find_elements(By.CSS_SELECTOR, "th button")
    one(browser, "#device-7 a[href^='#rule-']").click()
    assert browser.current_url.rpartition("#")[2].startswith("rule-")
    assert page.errors() == []


def test_hostile_names_stay_text(opened: Open, attacked: Path) -> None:
    """A client id is shown as text: it runs no script, adds no element and reverses no line."""
    page = opened(attacked)
    browser = page.browser
    assert "owned" not in browser.title
    assert not browser.find_elements(By.CSS_SELECTOR, "img, iframe, object, script[src], b b")
    assert len(browser.find_elements(By.TAG_NAME, "script")) == 1
    names = rows(browser)
    assert len(names) == len(hostile_capture.TEXTS) + 1
    assert hostile_capture.MARKUP in names
    assert hostile_capture.SCRIPT in names
    source = attacked.read_text(encoding="utf-8")
    assert not {"\x1b", "\u202e", "\u200b", "\x00", "\u2066"} & set(source)
    assert page.errors() == []
    assert page.requests() == []


def test_the_print_is_complete(opened: Open, hundred: Path, tmp_path: Path) -> None:
    """The print contains every device, whichever page was open, and no controls."""
    reader = need_tool("pdftotext")
    browser = opened(hundred, "device-3", dark=True).browser
    made = browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
    paper = tmp_path / "print.pdf"
    paper.write_bytes(base64.b64decode(made["data"]))
    text = subprocess.run([reader, paper, "-"], check=True, capture_output=True).stdout.decode()
    for number in range(100):
        if number % 10 != 4:
            assert f"Device sensor{number:04d}" in text
    assert "What was not seen" in text
    assert "Find a device" not in text


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_text_has_enough_contrast(opened: Open, hundred: Path, dark: bool) -> None:
    """Text has a contrast of at least 4.5 to 1, in light and dark mode."""
    browser = opened(hundred, dark=dark).browser
    poor: list[str] = browser.execute_script(_CONTRAST)
    assert poor == []
    ink = browser.execute_script("return getComputedStyle(document.body).color")
    assert (ink == "rgb(29, 35, 41)") is not dark


@pytest.mark.parametrize("name", ["attacked", "household"])
@pytest.mark.parametrize("width", [1300, 520])
def test_nothing_is_wider_than_the_window(
    opened: Open, request: pytest.FixtureRequest, name: str, width: int
) -> None:
    """At any width the page does not scroll horizontally; long names wrap."""
    browser = opened(request.getfixturevalue(name), width=width).browser
    over = browser.execute_script(
        "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert over <= 0


# returns the elements whose own text has too little contrast, with their colours
_CONTRAST = """
const light = (text) => {
  const [r, g, b] = text.match(/[\\d.]+/g).map(Number).slice(0, 3).map((c) => {
    const part = c / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const clear = (text) => text === 'transparent' || /, 0\\)$/.test(text);
const behind = (element) => {
  for (let each = element; each; each = each.parentElement) {
    const paper = getComputedStyle(each).backgroundColor;
    if (!clear(paper)) return paper;
  }
  return 'rgb(255, 255, 255)';
};
const found = new Set();
for (const element of document.querySelectorAll('body *')) {
  const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  if (!own || ['SCRIPT', 'STYLE', 'TITLE', 'title'].includes(element.tagName)) continue;
  const style = getComputedStyle(element);
  const ink = element.namespaceURI.endsWith('svg') ? style.fill : style.color;
  const [high, low] = [light(ink), light(behind(element))].sort((one, other) => other - one);
  const both = `${element.tagName} ${ink} on ${behind(element)}`;
  if ((high + 0.05) / (low + 0.05) < 4.5) found.add(both);
}
return [...found];
"""
