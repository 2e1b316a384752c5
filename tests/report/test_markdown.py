"""The Markdown of an audit, as a renderer parses it."""

from __future__ import annotations

import json
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from dissector.report.markdown import rule_text
from tests.report import hostile as hostile_capture
from tests.report.auditing import CREDENTIALS, audited


def parsed(data: bytes) -> list[Token]:
    """Parses like GitHub: CommonMark and tables."""
    renderer = MarkdownIt("gfm-like", {"linkify": False, "html": True}).enable("table")
    return renderer.parse(data.decode())


def inline(tokens: list[Token]) -> list[Token]:
    """Returns the tokens inside paragraphs and cells."""
    return [inner for token in tokens for inner in token.children or []]


def test_every_device_server_and_rule_is_listed() -> None:
    """The report lists everything that the JSON has."""
    document = json.loads(audited(CREDENTIALS, "json"))
    text = audited(CREDENTIALS, "markdown").decode()
    for finding in document["findings"]:
        assert f"### {finding['rule']} {finding['name']}" in text
    for party in (*document["devices"], *document["servers"]):
        assert f"| `{party['name']}` |" in text
    for sentence in document["posture"]["notSeen"]:
        assert sentence in text


def test_captured_text_is_not_markup(hostile: Path) -> None:
    """No client id becomes HTML, a link, an image or a heading, or breaks a table."""
    data = audited(hostile, "markdown")
    tokens = parsed(data)
    kinds = {token.type for token in (*tokens, *inline(tokens))}
    assert not kinds & {"html_block", "html_inline", "link_open", "image", "hr", "blockquote_open"}
    shown = {token.content for token in inline(tokens) if token.type == "code_inline"}
    for text in (hostile_capture.MARKUP, hostile_capture.FORMULA, hostile_capture.MENTION[:40]):
        assert any(text in content for content in shown), text
    for plain in (token.content for token in inline(tokens) if token.type == "text"):
        assert "@admin" not in plain
        assert "www." not in plain
        assert "://" not in plain


def test_tables_have_as_many_cells_as_headings(hostile: Path) -> None:
    """A vertical bar in a client id starts no cell."""
    widths: list[int] = []
    width = 0
    for token in parsed(audited(hostile, "markdown")):
        if token.type == "tr_open":
            width = 0
        elif token.type in ("td_open", "th_open"):
            width += 1
        elif token.type == "tr_close":
            widths.append(width)
    assert widths
    for line in audited(hostile, "markdown").decode().splitlines():
        assert line.isprintable()
    assert set(widths) <= {2, 5, 7, 8}


def test_headings_are_ours(hostile: Path) -> None:
    """Only rules and sections of the report are headings."""
    tokens = parsed(audited(hostile, "markdown"))
    titles = [
        tokens[index + 1].content
        for index, token in enumerate(tokens)
        if token.type == "heading_open"
    ]
    assert titles[0] == "MQTT audit"
    assert not [title for title in titles if "three" in title or "evil" in title]


def test_code_of_a_rules_page_stays_code() -> None:
    """Text in backticks is code, the rest is escaped; an unpaired backtick is plain text."""
    assert rule_text("set `a_b false` in c_d") == "set `a_b false` in c\\_d"
    assert rule_text("one ` alone_") == "one \\` alone\\_"
