"""Paths and options in, captures that are open and the engine that reads them out.

Where there are keys of TLS, in a file or in the captures, tshark has decrypted before the first
frame is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from dissector.capture.source import CaptureReader, open_capture
from dissector.engines.native import NativeEngine
from dissector.errors import CaptureError, EngineError
from dissector.model import CaptureWarning

if TYPE_CHECKING:
    from dissector.analysis import Options, Sink, Source


def engine_named(name: str) -> type[NativeEngine]:
    """Give the engine of a name; those of others are imported only when asked for."""
    if name == "scapy":
        from dissector.engines.scapy import ScapyEngine

        return ScapyEngine
    if name == "tshark":
        from dissector.engines.tshark_engine import TsharkEngine

        return TsharkEngine
    return NativeEngine


def opened(
    sources: Sequence[Source], options: Options, sink: Sink, stack: ExitStack
) -> tuple[list[CaptureReader], list[CaptureError], dict[str, Any]]:
    """Open captures, and have their TLS decrypted where there are keys; `stack` closes files.

    Gives what the engine has to know besides, too.
    """
    more: dict[str, Any] = {}
    if options.engine == "tshark" or options.keylog is not None:
        from dissector.engines import decryption

        sources = decryption.rereadable(sources, stack)
        if options.engine == "tshark":
            more["tshark_input"] = stack.enter_context(decryption.single_capture(sources))
    if options.keylog is None:
        readers, failed = _readers(sources, sink)
        if not any(reader.may_hold_secrets for reader in readers):
            return readers, failed, more
    from dissector.engines import decryption

    text = b""
    if options.keylog is not None:
        text = decryption.key_log(options.keylog)
    elif not decryption.has_secrets(readers) or not all(reader.size for reader in readers):
        return readers, failed, more
    else:
        for reader in readers:
            reader.close()
    try:
        made = decryption.decrypt(sources, text, engine_named(options.engine), **more)
    except EngineError as error:
        if options.keylog is not None:
            raise
        sink.warning(CaptureWarning("keys", f"the keys in the capture were not used: {error}"))
        return *_readers(sources, sink), more
    if made.encrypted and not made.with_keys:
        what = f"there are no keys for any of {made.encrypted} TLS connections"
        sink.warning(CaptureWarning("keys", what))
    if made.undecrypted:
        what = f"{made.undecrypted} of {made.with_keys} TLS connections that there are keys for"
        why = "behind a PROXY protocol header it may not look for TLS"
        sink.warning(CaptureWarning("keys", f"tshark opened nothing of {what}; {why}"))
    if made.decrypted is not None:
        stack.callback(made.decrypted.close)
        more["decrypted"] = made.decrypted
    return *_readers(sources, sink), more


def tell_unused_secrets(readers: Sequence[CaptureReader], sink: Sink) -> None:
    """Say of which captures the keys inside came too late for us, or by a pipe."""
    for reader in readers:
        if reader.secrets:
            what = (
                "the keys in it were not used, for they came behind frames or through a pipe; "
                "`tshark -r FILE --export-tls-session-keys KEYS` writes them, --keylog takes them"
            )
            sink.warning(CaptureWarning("keys", what, reader.path))


def _readers(
    sources: Sequence[Source], sink: Sink
) -> tuple[list[CaptureReader], list[CaptureError]]:
    readers: list[CaptureReader] = []
    failed: list[CaptureError] = []
    for source in sources:
        try:
            readers.append(open_capture(source, file_index=len(readers), warn=sink.warning))
        except CaptureError as error:
            failed.append(error)
    return readers, failed
