"""The report for a person: table, findings, ending."""

from __future__ import annotations

import io
import re
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from dissector.connections.handshake import Close
from dissector.model import (
    CaptureFile,
    CaptureWarning,
    Endpoint,
    NotEvaluated,
    Obligation,
    Severity,
    Side,
    Summary,
)
from dissector.report.concise import Concise
from dissector.report.statistics import Statistics
from dissector.report.style import Style
from dissector.report.text_report import ROWS, TextReport
from dissector.text import decode
from tests.report.builders import capture, connect, finding, frame, handshake, report, written

ANY_TEXT = st.text(max_size=30) | st.binary(max_size=30).map(decode)
HARMFUL = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def shown(made: object, style: Style | None = None, **options: object) -> str:
    """Give the table report as text."""
    return written(made, TextReport, style or Style(), **options).decode()  # type: ignore[arg-type]


def table_of(text: str) -> list[str]:
    """Give the rows of the handshake table."""
    lines = text.splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith("-----"))
    stop = next(index for index in range(start, len(lines)) if not lines[index][:6].strip())
    return lines[start + 1 : stop]


def test_a_finding_says_all_that_it_has_to() -> None:
    """Rule, weight, fault, place, bytes, statement with version, reasons, fixes, filter."""
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


def test_what_only_advises_is_not_broken() -> None:
    """A finding of good practice points to the place; only a duty is broken."""
    text = shown(report(findings=[finding(obligation=Obligation.ADVICE)]))
    assert "   see     MQTT-3.2.2-1 of 3.1.1" in text
    assert "   breaks  MQTT-3.2.2-1 of 3.1.1" in shown(report())


def test_rows_with_findings_come_first_and_few_are_shown() -> None:
    """At most fifty rows, the worst first; the rest is counted, and `--all` shows it."""
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


def test_the_rows_kept_are_bounded() -> None:
    """A long capture does not fill the memory with rows, and late findings still come first."""
    sink = TextReport(io.BytesIO(), Style())
    for number in range(10_000):
        if number == 9_000:
            sink.finding(finding(number))
        sink.handshake(handshake(number))
    assert len(sink._rows) <= 21 * ROWS
    assert min(sink._rows).id == 9_000


def test_an_ipv6_address_is_never_cut_and_lines_fit() -> None:
    """At 80 columns no row is longer, and every address is there whole."""
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
    """Where there is room the server stands in its row."""
    hands = [handshake(n, server=Endpoint(f"10.0.0.{n}", 1883)) for n in range(3)]
    rows = table_of(shown(report(handshakes=hands), Style(width=120)))
    assert rows[0].endswith("10.0.0.0:1883")


def test_client_ids_are_no_numbers() -> None:
    """A client id that looks like a number is shown as it is."""
    hands = [handshake(n, connect=connect(client_id=text)) for n, text in enumerate(("1e5", "007"))]
    rows = table_of(shown(report(handshakes=hands, findings=[])))
    assert " 1e5 " in rows[0]
    assert " 007 " in rows[1]


def test_repeats_of_one_server_fold() -> None:
    """A hundred breaches by one server are one block with a count; another server has its own."""
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
    """A client is known by its client id and by its address."""
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
    assert "2 more by this client" in text


def test_many_parties_are_counted() -> None:
    """Three parties of a rule are shown, the others counted; `--all` shows them."""
    hands = [handshake(n, server=Endpoint(f"10.0.0.{n}", 1883)) for n in range(10)]
    made = report(handshakes=hands, findings=[finding(n) for n in range(10)])
    text = shown(made)
    assert text.count("SES01 session-present") == 3
    assert "SES01 and 7 more findings of this rule by 7 others; --all shows them" in text
    assert shown(made, everything=True).count("SES01 session-present") == 10


def test_findings_without_a_handshake_are_shown() -> None:
    """A finding on a connection whose beginning was not seen has no handshake."""
    text = shown(report(handshakes=[], findings=[finding(None, client_id=None)]))
    assert "SES01 session-present" in text


def test_an_absence_says_when_it_was_due() -> None:
    """Of something that never came, the deadline is said."""
    late = finding(frames=(frame(4),), time_ns=frame(4, 30_000_000).time_ns, packet=None, span=None)
    assert "frame 4; due 30.000 s later" in " ".join(shown(report(findings=[late])).split())


def test_warnings_fold_by_kind() -> None:
    """A thousand warnings of one kind are one line with the first places."""
    warnings = [CaptureWarning("gap", "bytes are missing", "a.pcap", n, n) for n in range(1, 1001)]
    text = " ".join(shown(report(warnings=warnings)).split())
    assert "(1,000 capture warnings)" in text
    assert "gap 1,000 times: bytes are missing (a.pcap frame 1 stream 1; " in text


def test_many_reasons_are_capped() -> None:
    """What was not evaluated is listed, twenty lines of it."""
    reasons = [NotEvaluated("SEQ11", f"reason {n}", 1, []) for n in range(30)]
    assert "and 10 more; --all lists them" in shown(report(not_evaluated=reasons))


@given(ANY_TEXT, ANY_TEXT, ANY_TEXT)
def test_no_control_byte_reaches_a_terminal(client_id: str, message: str, path: str) -> None:
    """Whatever a capture holds, no human format has a control or format character but colour."""
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


def test_colour_is_off_unless_asked_for() -> None:
    """Without colour there is no escape code; with it the words are the same."""
    plain, painted = shown(report()), shown(report(), Style(color=True))
    assert "\x1b" not in plain
    assert ESCAPE.sub("", painted) == plain


def test_text_format_has_no_table() -> None:
    """Findings and counts without the handshakes."""
    text = shown(report(), handshakes=False)
    assert not text.startswith("Handshakes")
    assert "SES01" in text


def test_concise_is_one_line_a_finding() -> None:
    """Place, rule, severity, side, message and statement with its version, in one line."""
    notes = io.BytesIO()
    text = written(report(), Concise, notes, Style()).decode()
    assert text == (
        "a.pcap:6: SES01 error server (client id c1): sessionPresent=1 in reply to "
        "cleanSession=1 [MQTT-3.2.2-1 of 3.1.1]\n"
    )
    assert b"1 handshake. 1 finding: 1 error." in notes.getvalue()


def test_statistics_count_rules() -> None:
    """A line for each rule and severity, the most frequent first."""
    found = [finding(0), finding(0), finding(0, rule="CON01", name="wrong-protocol-name")]
    lines = written(report(findings=found), Statistics, Style()).decode().splitlines()
    assert lines[0] == "2  SES01  error    session-present-after-clean-session"
    assert lines[1] == "1  CON01  error    wrong-protocol-name"


def test_files_whose_names_are_long_are_told_apart() -> None:
    """Names that have no room are numbered, each told whole below; short ones stand in the rows."""
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


def test_files_of_one_name_are_told_apart() -> None:
    """The same name in two directories is told with its path."""
    paths = ["day1/a.pcap", "day2/a.pcap"]
    hands = [
        handshake(n, connect=connect(frame=frame(4, file=path))) for n, path in enumerate(paths)
    ]
    made = report(handshakes=hands, findings=[], capture=capture())
    made.capture.files = [CaptureFile(path) for path in paths]
    rows = table_of(shown(made, Style(width=100)))
    assert [row.split()[1] for row in rows[:2]] == ["day1/a.pcap", "day2/a.pcap"]
    assert "f2 is the file day2/a.pcap" in shown(made)


def test_who_closed_stands_in_the_row_where_there_is_room() -> None:
    """A device that drops off is told from one that says goodbye; long client ids go before."""
    closes = {"disconnect": "client", "fin": "server FIN", "rst": "server RST", None: "-"}
    for how, said in closes.items():
        by = Side.CLIENT if how == "disconnect" else Side.SERVER
        close = None if how is None else Close(by, how, frame(9, 3000))
        text = shown(report(handshakes=[handshake(close=close)]))
        assert f"  accepted  {said}  " in text
        assert ("without a DISCONNECT before" in text) is (how in ("fin", "rst"))
    long = handshake(connect=connect(client_id="a-client-id-of-thirty-characters"))
    assert "closed by" not in shown(report(handshakes=[long]))
    assert "closed by" in shown(report(handshakes=[long]), Style(width=120))


def test_what_a_rule_relates_to_is_said_once() -> None:
    """The blocks of other parties do not repeat the references of the first one."""
    facts = {"rule": "SEC01", "name": "credentials-in-clear", "side": Side.CLIENT}
    ends = [Endpoint(f"10.0.1.{n}", 1) for n in range(3)]
    found = [finding(n, client_id=f"c{n}", client=end, **facts) for n, end in enumerate(ends)]
    text = shown(report(handshakes=[], findings=found))
    assert (text.count("SEC01 credentials"), text.count("relates to CWE-319")) == (3, 1)


def test_hidden_bytes_are_said_to_be_hidden() -> None:
    """Asterisks in place of a password are not taken for what was sent."""
    packet = bytes.fromhex("10 13 00 04 4d 51 54 54 04 c2 00 3c 00 01 61 00 01 75 00 01 2a")
    reported = "CONNECT in frame 6, 1 byte at offset 9; * hides secrets"
    assert reported in shown(
        report(findings=[finding(packet=packet, span=(9, 1), side=Side.CLIENT)])
    )
    assert "hides secrets" not in shown(report())


def test_a_bridge_is_said_to_be_one() -> None:
    """The mark behind a bridge's version is explained, where there is one."""
    assert "b behind a version: " in shown(report(handshakes=[handshake(bridge=True)]))
    assert "b behind a version: " not in shown(report())
