"""The text report for people: table, findings, end."""

from __future__ import annotations

import io
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissector.connections.handshake import Close
from dissector.model import (
    CaptureFile,
    CaptureWarning,
    Endpoint,
    NotEvaluated,
    Obligation,
    Outcome,
    Severity,
    Side,
    Summary,
    Version,
)
from dissector.report.columns import ROWS
from dissector.report.concise import Concise
from dissector.report.statistics import Statistics
from dissector.report.style import Style
from dissector.report.text_report import TextReport
from dissector.text import decode
from tests.report.builders import (
    capture,
    connack,
    connect,
    finding,
    frame,
    handshake,
    report,
    written,
)

ANY_TEXT = st.text(max_size=30) | st.binary(max_size=30).map(decode)
HARMFUL = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def shown(made: object, style: Style | None = None, **options: object) -> str:
    """Returns the table report as text."""
    return written(made, TextReport, style or Style(), **options).decode()  # type: ignore[arg-type]


def table_of(text: str) -> list[str]:
    """Returns the rows of the handshake table."""
    lines = text.splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith("-----"))
    stop = next(index for index in range(start, len(lines)) if not lines[index][:6].strip())
    return lines[start + 1 : stop]


def test_a_finding_has_all_parts() -> None:
    """Rule, obligation, party, place, bytes, statement with version, why, fix, filter."""
    text = shown(report())
    for part in (
        "SES01 session-present-after-clean-session",
        "sessionPresent=1 in reply to cleanSession=1",
        "error   MUST of MQTT 3.1.1, proven",
        'server 10.0.0.2:1883, client id "c1", stream 0',
        "a.pcap, frames 4 and 6, 1.9 ms apart",
        "0000 20 02 01 00",
        "MQTT-3.2.2-1 of 3.1.1: Accepting CleanSession 1 requires Session",
        "section 3.2.2.2 of MQTT 3.1.1",
        "why ",
        "client: ",
        "server: ",
        "frame.number==4||frame.number==6",
        "1 handshake: 1 accepted.",
        "1 finding: 1 error.",
        "   gap: bytes are missing (a.pcap frame 9 stream 0)",
        "SEQ11 2 times: capture ends before the deadline (streams 0, 4)",
    ):
        assert part in text, part


def test_advice_is_not_broken() -> None:
    """A finding of good practice refers to the statement with "see", a duty with "breaks"."""
    text = shown(report(findings=[finding(obligation=Obligation.ADVICE)]))
    assert "   see     MQTT-3.2.2-1 of 3.1.1" in text
    assert "   breaks  MQTT-3.2.2-1 of 3.1.1" in shown(report())


def test_rows_with_findings_come_first_and_few_are_shown() -> None:
    """At most fifty rows are shown, the worst first; the rest is counted, and `--all` shows it."""
    hands = [handshake(number) for number in range(120)]
    made = report(
        handshakes=hands,
        findings=[finding(70, severity=Severity.WARNING), finding(100)],
        summary=Summary(handshakes=120, accepted=120, error=1, warning=1),
    )
    rows = table_of(shown(made))
    assert len(rows) == ROWS + 1
    assert rows[0].split()[0] == "100"
    assert rows[1].split()[0] == "70"
    assert rows[2].split()[0] == "0"
    assert rows[-1] == "and 70 more handshakes; --all lists them"
    assert len(table_of(shown(made, everything=True))) == 120


def test_stored_rows_are_bounded() -> None:
    """A long capture does not fill memory with rows, and late findings still come first."""
    sink = TextReport(io.BytesIO(), Style())
    for number in range(10_000):
        if number == 9_000:
            sink.finding(finding(number))
        sink.handshake(handshake(number))
    assert len(sink._rows) <= 21 * ROWS
    assert min(sink._rows).id == 9_000


def test_an_ipv6_address_is_never_truncated_and_lines_fit() -> None:
    """At 80 columns no row is longer, and every address is complete."""
    ends = [Endpoint(f"2001:db8:1111:2222:3333:4444:5555:{n:04x}", 1883) for n in range(3)]
    hands = [
        handshake(number, server=ends[number % 3], connect=connect(client_id="long-id-" * 8))
        for number in range(6)
    ]
    text = shown(report(handshakes=hands))
    for end in ends:
        assert f"[{end.ip}]:1883" in text
    assert max(map(len, table_of(text))) <= 80


def test_a_wide_page_has_addresses_in_the_table() -> None:
    """On a page that is wide enough the row contains the server."""
    hands = [handshake(n, server=Endpoint(f"10.0.0.{n}", 1883)) for n in range(3)]
    rows = table_of(shown(report(handshakes=hands), Style(width=120)))
    assert rows[0].endswith("10.0.0.0:1883")


def test_client_ids_are_not_parsed_as_numbers() -> None:
    """A client id that looks like a number is shown unchanged."""
    hands = [handshake(n, connect=connect(client_id=text)) for n, text in enumerate(("1e5", "007"))]
    rows = table_of(shown(report(handshakes=hands, findings=[])))
    assert " 1e5 " in rows[0]
    assert " 007 " in rows[1]


def test_repeats_of_one_server_fold() -> None:
    """A hundred findings on one server are one block with a count; another server has its own."""
    hands = [
        handshake(n, server=Endpoint("10.0.0.9" if n == 50 else "10.0.0.2", 1883))
        for n in range(100)
    ]
    made = report(handshakes=hands, findings=[finding(n, client_id=f"c{n}") for n in range(100)])
    text = shown(made)
    assert text.count("SES01 session-present") == 2
    assert "98 more by this server: a.pcap frames 6, 6, 6, 6, 6, …" in text
    assert text.count("why ") == 1


def test_repeats_of_one_client_fold_by_id_or_address() -> None:
    """Findings of a client fold by client id and by address."""
    hands = [
        handshake(0, client=Endpoint("10.0.1.1", 1)),
        handshake(1, client=Endpoint("10.0.1.2", 1)),
        handshake(2, client=Endpoint("10.0.1.2", 2)),
        handshake(3, client=Endpoint("10.0.1.3", 1)),
    ]
    ids = ("same", "same", "other", "third")
    found = [finding(n, side=Side.CLIENT, client_id=ids[n]) for n in range(4)]
    text = shown(report(handshakes=hands, findings=found))
    assert text.count("SES01 session-present") == 2
    assert "2 more by clients that share its client id or address" in text


@pytest.mark.parametrize(
    ("ids", "addresses", "words"),
    [
        (("a", "a"), ("10.0.1.1", "10.0.1.1"), "1 more by this client:"),
        (("a", "a"), ("10.0.1.1", "10.0.1.2"), "1 more by this client:"),
        (("a", "b"), ("10.0.1.1", "10.0.1.1"), "1 more from this address, not all with this"),
        (("a", None), ("10.0.1.1", "10.0.1.1"), "1 more from this address, not all with this"),
        ((None, None), ("10.0.1.1", "10.0.1.1"), "1 more from this address:"),
    ],
)
def test_repeats_are_of_one_client_only_with_one_client_id(
    ids: tuple[str | None, ...], addresses: tuple[str, ...], words: str
) -> None:
    """Repeats are "by this client" only if all have one client id."""
    hands = [handshake(n, client=Endpoint(address, n)) for n, address in enumerate(addresses)]
    found = [finding(n, side=Side.CLIENT, client_id=name) for n, name in enumerate(ids)]
    assert words in " ".join(shown(report(handshakes=hands, findings=found)).split())


def test_many_parties_are_counted() -> None:
    """Three parties of a rule are shown, the others counted; `--all` shows them."""
    hands = [handshake(n, server=Endpoint(f"10.0.0.{n}", 1883)) for n in range(10)]
    made = report(handshakes=hands, findings=[finding(n) for n in range(10)])
    text = shown(made)
    assert text.count("SES01 session-present") == 3
    assert "SES01 and 7 more findings of this rule by 7 others; --all shows them" in text
    assert shown(made, everything=True).count("SES01 session-present") == 10


def test_findings_without_a_handshake_are_shown() -> None:
    """A finding on a connection whose start was not captured has no handshake."""
    text = shown(report(handshakes=[], findings=[finding(None, client_id=None)]))
    assert "SES01 session-present" in text


def test_a_missing_packet_has_its_deadline() -> None:
    """A finding about a packet that never came shows the deadline."""
    late = finding(frames=(frame(4),), time_ns=frame(4, 30_000_000).time_ns, packet=None, span=None)
    assert "frame 4; due 30.000 s later" in " ".join(shown(report(findings=[late])).split())


def test_warnings_fold_by_kind() -> None:
    """A thousand warnings of one kind are one line with the first places."""
    warnings = [CaptureWarning("gap", "bytes are missing", "a.pcap", n, n) for n in range(1, 1001)]
    text = " ".join(shown(report(warnings=warnings)).split())
    assert "(1,000 capture warnings)" in text
    assert "gap 1,000 times: bytes are missing (a.pcap frame 1 stream 1; " in text


def test_reasons_are_limited() -> None:
    """At most twenty lines list what was not evaluated."""
    reasons = [NotEvaluated("SEQ11", f"reason {n}", 1, []) for n in range(30)]
    assert "and 10 more; --all lists them" in shown(report(not_evaluated=reasons))


@given(ANY_TEXT, ANY_TEXT, ANY_TEXT)
def test_no_control_byte_reaches_a_terminal(client_id: str, message: str, path: str) -> None:
    """With any captured text, no text format has control characters except colour codes."""
    hand = handshake(connect=connect(client_id=client_id))
    found = finding(
        client_id=client_id,
        message=message or "-",
        file=path,
        frames=(frame(4, file=path), frame(6, file=path)),
        packet=client_id.encode("utf-8", "surrogateescape") or b"\0",
    )
    made = report(
        handshakes=[hand],
        findings=[found],
        warnings=[CaptureWarning("gap", message, path, 1, 0)],
        not_evaluated=[NotEvaluated("SEQ11", message, 1, [0])],
    )
    made.capture.files[0].path = path
    style = Style(color=True)
    for raw in (
        written(made, TextReport, style),
        written(made, TextReport, style, encoding="ascii"),
        written(made, Concise, io.BytesIO(), style),
        written(made, Statistics, style),
    ):
        for line in raw.decode().split("\n"):
            harmful = {unicodedata.category(char) for char in ESCAPE.sub("", line)} & HARMFUL
            assert not harmful, line


def test_colour_is_off_by_default() -> None:
    """Without colour there is no escape code; with colour the text is the same."""
    plain, painted = shown(report()), shown(report(), Style(color=True))
    assert "\x1b" not in plain
    assert ESCAPE.sub("", painted) == plain


def test_text_format_has_no_table() -> None:
    """The `text` format has findings and counts, but no handshakes."""
    text = shown(report(), handshakes=False)
    assert not text.startswith("Handshakes")
    assert "SES01" in text


def test_concise_writes_one_line_for_each_finding() -> None:
    """The line has place, rule, severity, side, message and statement with its version."""
    notes = io.BytesIO()
    text = written(report(), Concise, notes, Style()).decode()
    assert text == (
        "a.pcap:6: SES01 error server (client id c1): sessionPresent=1 in reply to "
        "cleanSession=1 [MQTT-3.2.2-1 of 3.1.1]\n"
    )
    assert b"1 handshake. 1 finding: 1 error." in notes.getvalue()


def test_statistics_count_rules() -> None:
    """There is one line for each rule and severity, the most frequent first."""
    found = [finding(0), finding(0), finding(0, rule="CON01", name="wrong-protocol-name")]
    lines = written(report(findings=found), Statistics, Style()).decode().splitlines()
    assert lines[0] == "2  SES01  error    session-present-after-clean-session"
    assert lines[1] == "1  CON01  error    wrong-protocol-name"


def test_long_file_names_are_distinguished() -> None:
    """File names that do not fit are numbered and listed below; short ones are in the rows."""
    for stem, cell in (("a", "a1.pcap"), ("a-long-name-of-a-capture-in-a-ring-", "f1")):
        paths = [f"captures/{stem}{n + 1}.pcap" for n in range(2)]
        hands = [
            handshake(n, connect=connect(frame=frame(4, file=path))) for n, path in enumerate(paths)
        ]
        made = report(handshakes=hands, findings=[], capture=capture())
        made.capture.files = [CaptureFile(path) for path in paths]
        text = shown(made)
        first, second, *_ = table_of(text)
        assert first.split()[1] == cell
        assert first.split()[1] != second.split()[1]
        assert max(map(len, (first, second))) <= 80
        assert (f"\nf2 is the file {stem}2.pcap\n" in text) is (cell == "f1")


def test_files_of_one_name_are_distinguished() -> None:
    """Files of the same name in two directories are shown with their paths."""
    paths = ["day1/a.pcap", "day2/a.pcap"]
    hands = [
        handshake(n, connect=connect(frame=frame(4, file=path))) for n, path in enumerate(paths)
    ]
    made = report(handshakes=hands, findings=[], capture=capture())
    made.capture.files = [CaptureFile(path) for path in paths]
    rows = table_of(shown(made, Style(width=100)))
    assert [row.split()[1] for row in rows[:2]] == ["day1/a.pcap", "day2/a.pcap"]
    assert "f2 is the file day2/a.pcap" in shown(made, Style(width=70))


def test_the_closing_side_is_in_the_row() -> None:
    """The row tells FIN and RST from a DISCONNECT; a long client id is shortened for it."""
    closes = {"disconnect": "client", "fin": "server FIN", "rst": "server RST", None: "-"}
    for how, cell in closes.items():
        by = Side.CLIENT if how == "disconnect" else Side.SERVER
        close = None if how is None else Close(by, how, frame(9, 3000))
        text = shown(report(handshakes=[handshake(close=close)]))
        assert f"  accepted  {cell}  " in text
        assert ("closed without a DISCONNECT" in text) is (how in ("fin", "rst"))
    long = handshake(connect=connect(client_id="a-client-id-of-thirty-characters"))
    assert "  a-clie…acters  " in shown(report(handshakes=[long]))
    assert "closed by" in shown(report(handshakes=[long]))
    assert "  a-client-id-of-thirty-characters  " in shown(
        report(handshakes=[long]), Style(width=120)
    )


@pytest.mark.parametrize("transport", ["tcp", "wss"])
@pytest.mark.parametrize("servers", [1, 3])
@pytest.mark.parametrize("files", [1, 30])
@pytest.mark.parametrize("client", ["10.0.0.1", "192.168.100.100", "2001:db8:1:2:3:4:5:%04x"])
@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.UNANSWERED, Outcome.ACCEPTED])
@pytest.mark.parametrize("width", [80, 100])
def test_columns_by_width(
    width: int, outcome: Outcome, client: str, files: int, servers: int, transport: str
) -> None:
    """From 100 columns rows have time, client and who closed; refused and unanswered ones always.

    No row is longer than the page, and addresses that differ are not shown as equal.
    """
    paths = [f"captures/night-{n:02}.pcap" for n in range(files)]
    refused = connack(return_code=135, version=Version.V5_0)
    answer = None if outcome is Outcome.UNANSWERED else refused
    hands = [
        handshake(
            n,
            outcome=outcome,
            client=Endpoint(client % n if "%" in client else client, 40000 + n),
            server=Endpoint(f"2001:db8:1:2:3:4:5:{n % servers:04x}", 1883),
            connect=connect(frame=frame(4, file=paths[n % files]), client_id="a-long-id-" * 3),
            connack=answer,
            close=Close(Side.SERVER, "rst", frame(9, 3000)),
            transport=transport,
        )
        for n in range(6)
    ]
    made = report(handshakes=hands, findings=[finding(n) for n in range(6)])
    made.capture.files = [CaptureFile(path) for path in paths]
    rows = table_of(shown(made, Style(width=width)))[: len(hands)]
    assert max(map(len, rows)) <= width
    if outcome is not Outcome.ACCEPTED or width == 100:
        assert all(" server RST " in row for row in rows)
    if width == 100:
        assert all(re.search(r" \d\d:\d\d:\d\d ", row) for row in rows)
        for n, row in enumerate(rows):
            address = client % n if "%" in client else client
            assert address in row or any(
                word.startswith("…") and address.endswith(word[1:]) for word in row.split()
            )
        assert len({row.split()[0]: row for row in rows}) == 6


def test_shortened_client_ids_stay_different() -> None:
    """Ids that differ only at the end are shown differently if they are shortened."""
    hands = [
        handshake(n, connect=connect(client_id=f"sensors-of-building-seven-{n:03}"))
        for n in range(20)
    ]
    rows = table_of(shown(report(handshakes=hands, findings=[])))[: len(hands)]
    assert len({row.split()[3] for row in rows}) == 20
    assert all("…" in row for row in rows)


def test_the_heading_says_the_order() -> None:
    """The heading has the order of the rows and, with times, their date."""
    hands = [handshake(number) for number in range(3)]
    made = report(handshakes=hands)
    (title, *_) = shown(made, Style(width=120)).splitlines()
    assert title == (
        "Handshakes with the server 10.0.0.2:1883, worst findings first, then in order of the "
        "capture; times are UTC on"
    )
    (title, *_) = shown(report(handshakes=hands, findings=[])).splitlines()
    assert title == "Handshakes with the server 10.0.0.2:1883, in order of the capture"


def test_references_of_a_rule_are_shown_once() -> None:
    """The blocks of other parties do not repeat the references of the first one."""
    facts = {"rule": "SEC01", "name": "credentials-in-clear", "side": Side.CLIENT}
    ends = [Endpoint(f"10.0.1.{n}", 1) for n in range(3)]
    found = [finding(n, client_id=f"c{n}", client=end, **facts) for n, end in enumerate(ends)]
    text = shown(report(handshakes=[], findings=found))
    assert (text.count("SEC01 credentials"), text.count("relates to CWE-319")) == (3, 1)


def test_hidden_bytes_are_marked() -> None:
    """The report states that asterisks replace a password."""
    packet = bytes.fromhex("10 13 00 04 4d 51 54 54 04 c2 00 3c 00 01 61 00 01 75 00 01 2a")
    head = "CONNECT in frame 6, 1 byte at offset 9; * hides secrets"
    assert head in shown(report(findings=[finding(packet=packet, span=(9, 1), side=Side.CLIENT)]))
    assert "hides secrets" not in shown(report())


def test_the_mark_of_a_bridge_is_explained() -> None:
    """The mark after a bridge's version is explained if there is a bridge."""
    assert "b after a version: " in shown(report(handshakes=[handshake(bridge=True)]))
    assert "b after a version: " not in shown(report())
