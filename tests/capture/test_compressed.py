"""Compressed captures: recognized by magic, read in pieces, complete or damaged."""

from __future__ import annotations

import bz2
import gc
import gzip
import io
import lzma
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import lz4.frame
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from dissector.capture import compressed
from dissector.capture.compressed import Decompressed, compression
from dissector.capture.source import open_capture
from dissector.errors import CaptureError
from tests.capture.builders import START, attempt, frame, pcap, pcap_header, pcap_record, read

Compress = Callable[[bytes], bytes]


def _zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


def _lz4(data: bytes) -> bytes:
    compressed: bytes = lz4.frame.compress(data, content_checksum=True)
    return compressed


COMPRESS: dict[str, Compress] = {
    "gzip": gzip.compress,
    "zstd": _zstd,
    "lz4": _lz4,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}
EACH = pytest.mark.parametrize("name", COMPRESS)
CAPTURE = pcap(range(START, START + 3000_000, 1000))


def _content(data: bytes, piece: int = 1 << 16, size: int = 1 << 20) -> tuple[bytes, str]:
    """Decompress from pieces of `piece` bytes; return the content and the damage."""
    source = io.BytesIO(data)
    name = compression(data)
    assert name is not None
    stream = Decompressed(name, lambda most: source.read(min(most, piece)))
    out = []
    while part := stream.read(size):
        assert len(part) <= size
        out.append(part)
    return b"".join(out), stream.damage


@EACH
def test_a_compressed_capture_has_the_frames_of_the_plain_one(name: str, tmp_path: Path) -> None:
    """The name does not matter; position and size are of the file, `bytes` of the capture."""
    path = tmp_path / "capture.txt"
    path.write_bytes(COMPRESS[name](CAPTURE))
    found, warnings, reader = read(path)
    assert [row.data for row in found] == [frame(i) for i in range(3000)]
    assert reader.position == reader.size == path.stat().st_size
    assert (reader.bytes, warnings) == (len(CAPTURE), [])


@EACH
def test_members_in_a_row_are_one_content(name: str) -> None:
    """Concatenated files are read as one, in pieces of any size."""
    data = COMPRESS[name](CAPTURE[:5000]) + COMPRESS[name](CAPTURE[5000:])
    for piece in (1, 7, 1 << 16):
        assert _content(data, piece) == (CAPTURE, "")


@EACH
def test_a_stream_that_ends_early_is_damage(name: str) -> None:
    """The content before the cut of a truncated stream is returned."""
    data = COMPRESS[name](CAPTURE)
    for there in range(len(data) - 1, len(data) // 2, -97):
        content, damage = _content(data[:there])
        assert CAPTURE.startswith(content)
        assert "ends early" in damage


@EACH
def test_a_truncated_capture_is_a_warning(name: str) -> None:
    """Frames before the cut are read and damage is reported, or nothing could be read."""
    data = COMPRESS[name](CAPTURE)[:-9]
    found, warnings, refusal = attempt(io.BytesIO(data))
    if found:
        assert [warning.kind for warning in warnings] == ["damaged"]
    else:
        assert "ends early" in refusal  # all content was in one block


def test_a_wrong_checksum_costs_no_content() -> None:
    """Both gzip and zstd have the checksum after the content, which is returned."""
    for data in (gzip.compress(CAPTURE), _zstd(CAPTURE)):
        wrong = bytearray(data)
        wrong[-5 if data[:1] == b"\x1f" else -1] ^= 1
        content, damage = _content(bytes(wrong))
        assert content == CAPTURE
        assert "damaged" in damage


def test_padding_is_no_damage_and_other_bytes_are() -> None:
    """Zeros may follow a gzip file (as on tapes); other bytes are reported."""
    data = gzip.compress(CAPTURE)
    assert _content(data + bytes(1000)) == (CAPTURE, "")
    content, damage = _content(data + b"and more")
    assert content == CAPTURE
    assert "follow" in damage


@EACH
def test_empty_members_are_fed_in_small_pieces(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder gets little of what follows its member, which it would copy again and again."""
    fed = 0
    begin = compressed._DECODERS[name]

    class Counted:
        def __init__(self) -> None:
            self._decoder = begin()

        def __getattr__(self, attribute: str) -> object:
            return getattr(self._decoder, attribute)

        def decompress(self, data: bytes, size: int) -> bytes:
            nonlocal fed
            fed += len(data)
            return self._decoder.decompress(data, size)

    monkeypatch.setitem(compressed._DECODERS, name, Counted)
    members = 300
    content, damage = _content(COMPRESS[name](b"") * members + COMPRESS[name](b"end"))
    assert (content, damage) == (b"end", "")
    assert fed <= 513 * (members + 1)


@EACH
def test_a_decoder_is_in_no_cycle(name: str) -> None:
    """A member is freed without the cycle collector, which the command turns off."""
    gc.collect()
    gc.disable()
    try:
        _content(COMPRESS[name](b"") * 100)
        assert gc.collect() < 100
    finally:
        gc.enable()


def test_skippable_frames_of_zstd_hold_nothing() -> None:
    """Tools such as pzstd insert skippable frames, which are ignored."""
    skippable = b"\x53\x2a\x4d\x18" + (300).to_bytes(4, "little") + bytes(300)
    data = skippable + _zstd(CAPTURE[:100]) + skippable + _zstd(CAPTURE[100:]) + skippable
    for piece in (1, 1 << 16):
        assert _content(data, piece) == (CAPTURE, "")


def test_zstd_frames_of_every_layout() -> None:
    """With and without content size, checksum, blocks of many sizes, streamed and flushed."""
    for size in (0, 1, 255, 256, 65_791, 65_792, 500_000):
        content = (CAPTURE * 4)[:size]
        for checksum in (False, True):
            for known in (False, True):
                engine = zstandard.ZstdCompressor(write_checksum=checksum, write_content_size=known)
                assert _content(engine.compress(content)) == (content, "")
            stream = engine.compressobj()
            data = b"".join(
                stream.compress(content[at : at + 1000])
                + stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
                for at in range(0, size, 1000)
            )
            assert _content(data + stream.flush(), 777) == (content, "")


@EACH
def test_a_bomb_is_read_in_bounded_memory(name: str) -> None:
    """A stream that expands a thousandfold is read in pieces."""
    record = pcap_record(bytes(200_000))
    bomb = COMPRESS[name](pcap_header() + record * 500)
    assert len(bomb) < 1_000_000
    tracemalloc.start()
    try:
        with open_capture(io.BytesIO(bomb)) as reader:
            while reader.next_batch() is not None:
                pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert reader.frames == 500
    assert peak < 30_000_000


@EACH
def test_compressed_twice_is_refused(name: str) -> None:
    """The error says what to do."""
    data = COMPRESS[name](gzip.compress(CAPTURE))
    with pytest.raises(CaptureError, match=f"gzip inside {name}.*decompress it once"):
        open_capture(io.BytesIO(data))


@EACH
def test_compressed_text_is_refused(name: str) -> None:
    """The error says what is inside."""
    with pytest.raises(CaptureError, match=f"inside {name}.*text"):
        open_capture(io.BytesIO(COMPRESS[name](b"just some words, no capture")))


@pytest.mark.parametrize(
    "head", [b"\x1f\x8b", b"BZh", b"\x28\xb5\x2f\xfd", b"\x1f\x8b" + b"a" * 50]
)
def test_a_compressed_stream_that_yields_nothing_is_refused(head: bytes) -> None:
    """A magic without valid data is not a capture."""
    with pytest.raises(CaptureError, match="nothing can be read"):
        open_capture(io.BytesIO(head))


@EACH
@given(data=st.data())
def test_any_change_of_a_byte_never_raises(name: str, data: st.DataObject) -> None:
    """A damaged stream gives frames, a warning, or one CaptureError; it does not hang."""
    good = COMPRESS[name](CAPTURE[:20_000])
    at = data.draw(st.integers(0, len(good) - 1))
    wrong = good[:at] + bytes((data.draw(st.integers(0, 255)),)) + good[at + 1 :]
    found, _, _ = attempt(io.BytesIO(wrong))
    assert len(found) <= 20_000 // 16


def test_plain_captures_import_no_decompressor(tmp_path: Path) -> None:
    """The libraries are imported only for compressed captures."""
    path = tmp_path / "plain.pcap"
    path.write_bytes(CAPTURE)
    code = (
        "import sys; from dissector.capture.source import open_capture\n"
        "open_capture(sys.argv[1]).next_batch()\n"
        "print(*sorted({'bz2', 'lzma', 'gzip', 'zstandard', 'lz4'} & set(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, path], check=True, capture_output=True, text=True
    )
    assert run.stdout.split() == []
