"""Opens captures, chooses the engine, and has tshark decrypt TLS before frames are read.

TLS is decrypted if there are keys for it, in a key log file or in the captures.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from dissector.capture.source import CaptureReader, open_capture
from dissector.engines.automatic import AutomaticEngine
from dissector.engines.native import NativeEngine
from dissector.errors import CaptureError, EngineError
from dissector.model import CaptureWarning

if TYPE_CHECKING:
    from dissector.analysis import Options, Sink
    from dissector.capture.rings import Source


def engine_named(name: str) -> type[NativeEngine]:
    """Returns the engine of a name; scapy and tshark's are imported only when needed."""
    if name == "scapy":
        from dissector.engines.scapy import ScapyEngine

        return ScapyEngine
    if name == "tshark":
        from dissector.engines.tshark_engine import TsharkEngine

        return TsharkEngine
    return AutomaticEngine if name == "auto" else NativeEngine


def opened(
    sources: Sequence[Source], options: Options, sink: Sink, stack: ExitStack
) -> tuple[list[CaptureReader], list[CaptureError], dict[str, Any]]:
    """Opens captures and decrypts their TLS if there are keys; `stack` closes temporary files.

    Returns the readers, the errors of inputs that could not be opened, and further arguments of
    the engine.
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
        what = f"{made.undecrypted} of {made.with_keys} TLS connections that have keys"
        why = "it may not detect TLS behind a PROXY protocol header"
        sink.warning(CaptureWarning("keys", f"tshark decrypted nothing of {what}; {why}"))
    if made.decrypted is not None:
        stack.callback(made.decrypted.close)
        more["decrypted"] = made.decrypted
    return *_readers(sources, sink), more


def warn_of_unused_secrets(readers: Sequence[CaptureReader], sink: Sink) -> None:
    """Warns of captures whose embedded keys came too late to be used, or through a pipe."""
    for reader in readers:
        if reader.secrets:
            what = (
                "the keys in it were not used, because they follow frames or came through a pipe; "
                "`tshark -r FILE --export-tls-session-keys KEYS` writes them for --keylog"
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
