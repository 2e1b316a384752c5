"""The page as a file: content, size, structure and policy."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from itertools import pairwise
from pathlib import Path

import pytest
from lxml import html

from dissector.report.html.page import ENCRYPTED_KEPT
from samples.build import Frame, conversation, pcap
from tests.conftest import ROOT
from tests.report.auditing import CREDENTIALS, audited
from tests.tls_peers import NAME, Peers, steps

SAMPLES = sorted((ROOT / "samples").glob("[hr]*/*.pcap*"))


def tree(data: bytes) -> html.HtmlElement:
    """Parses a page."""
    return html.document_fromstring(data.decode())


def test_it_is_small(hundred: Path, thousand: Path) -> None:
    """A hundred devices take less than 500 KB, and so does each further hundred."""
    assert hundred.stat().st_size < 500_000
    assert thousand.stat().st_size < 10 * 500_000


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_every_party_and_rule_is_on_the_page(path: Path) -> None:
    """Each device and server has a page, each rule with findings a block, and all links work."""
    document = json.loads(audited(path, "json"))
    page = tree(audited(path, "html"))
    ids = page.xpath("//@id")
    assert len(ids) == len(set(ids))
    for kind in ("device", "server"):
        for record in document[f"{kind}s"]:
            assert f"{kind}-{record['id']}" in ids
    rules = {finding["rule"] for finding in document["findings"]}
    assert {name[5:] for name in ids if name.startswith("rule-")} == rules
    for target in page.xpath("//a/@href"):
        assert target.startswith("#")
        assert target[1:] in ids
    text = page.text_content()
    for sentence in document["posture"]["notSeen"] + document["posture"]["limits"]:
        assert sentence in text
    for record in document["notEvaluated"]:
        assert record["reason"] in text


def test_each_flagged_handshake_is_drawn_or_counted(tmp_path: Path) -> None:
    """The page counts drawn and flagged handshakes; the first of each rule and party is drawn."""
    page = tree(audited(CREDENTIALS, "html"))
    drawn = page.xpath("//figure[@class='seq']")
    document = json.loads(audited(CREDENTIALS, "json"))
    flagged = {finding["handshake"] for finding in document["findings"]} - {None}
    text = page.xpath("//section[@id='findings']/p")[0].text_content()
    assert f"{len(drawn)} of {len(flagged)} flagged handshakes are drawn" in text
    shown = {int(figure.get("id").removeprefix("handshake-")) for figure in drawn}
    assert shown
    assert shown <= flagged


def test_policy_allows_only_the_inline_assets() -> None:
    """Style and script are allowed by their hashes; there are no others and no style attributes."""
    data = audited(CREDENTIALS, "html").decode()
    page = tree(data.encode())
    (policy,) = page.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    rules = {rule.split()[0]: rule.split()[1:] for rule in policy.split(";")}
    assert rules["default-src"] == ["'none'"]
    for tag, name in (("style", "style-src"), ("script", "script-src")):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", data, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules[name] == [f"'sha256-{digest}'"]
    assert not page.xpath("//@style | //*[starts-with(name(@*), 'on')]")
    assert not page.xpath("//@src | //link[not(starts-with(@href, 'data:'))] | //form")
    assert not re.search(r"https?://", re.sub(r"http://www\.w3\.org\S*", "", data))


@pytest.mark.parametrize("path", [SAMPLES[0], SAMPLES[-1]], ids=lambda path: path.name)
def test_structure_is_accessible(path: Path) -> None:
    """One main heading, no skipped level, landmarks, labels for controls, text for images."""
    page = tree(audited(path, "html"))
    assert page.get("lang") == "en"
    levels = [int(element.tag[1]) for element in page.xpath("//h1|//h2|//h3|//h4")]
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    for landmark in ("header", "main", "nav"):
        assert len(page.xpath(f"//{landmark}")) == 1
    ids = set(page.xpath("//@id"))
    for reference in page.xpath("//@aria-labelledby"):
        assert set(reference.split()) <= ids
    for control in page.xpath("//input|//select"):
        assert page.xpath(f"//label[@for='{control.get('id')}']")
    for image in page.xpath("//svg[not(@aria-hidden)]"):
        assert image.get("role") == "img"
        assert image.get("aria-labelledby")
    for table in page.xpath("//table"):
        assert table.xpath(".//th[@scope='col']")


def test_tls_connections_are_listed_with_their_server(encrypted: Path) -> None:
    """A server's page lists its TLS connections with client, version and result."""
    page = tree(audited(encrypted, "html"))
    made = json.loads(audited(encrypted, "json"))["tlsHandshakes"]
    (table,) = page.xpath("//section[@id='server-pages']//table[caption='TLS connections']")
    rows = [[cell.text_content() for cell in row] for row in table.xpath("./tbody/tr")]
    assert [row[:2] for row in rows] == [
        [str(item["stream"]), str(item["clientHello"]["frame"])] for item in made
    ]
    assert [row[3] for row in rows] == ["1.2", "1.2", "1.3", "1.2"]
    assert [row[5] for row in rows] == [NAME] * 4
    assert [row[7] for row in rows] == [
        "established", "resumed", "established", "client: unknown_ca",
    ]  # fmt: skip


def test_the_list_of_tls_connections_is_limited(tmp_path: Path) -> None:
    """The page lists the first connections of a server and the number of others."""
    with Peers("1.3") as peers:
        wire = steps(peers.talk())
    frames: list[Frame] = []
    for number in range(ENCRYPTED_KEPT + 3):
        frames += conversation(wire, server_port=8883, client_port=40000 + number)
    path = tmp_path / "many.pcap"
    path.write_bytes(pcap(frames))
    (table,) = tree(audited(path, "html")).xpath("//table[starts-with(caption, 'TLS')]")
    assert len(table.xpath("./tbody/tr")) == ENCRYPTED_KEPT
    assert table.xpath("./caption")[0].text_content().endswith("3 more")
