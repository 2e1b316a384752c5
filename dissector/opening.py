"""Opens captures, chooses the engine, and has tshark decrypt TLS before frames are read.

TLS is decrypted if there are keys for it, in a key log file or in the captures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from dissector.capture.rings import Source
from dissector.capture.source import CaptureReader, open_capture
from dissector.engines.automatic import AutomaticEngine
from dissector.engines.native import NativeEngine
from dissector.errors import CaptureError, EngineError
from dissector.model import CaptureWarning
from dissector.options import Options

Warn = Callable[[CaptureWarning], None]


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
    sources: Sequence[Source], options: Options, warn: Warn, stack: ExitStack
) -> tuple[list[CaptureReader], list[CaptureError], dict[str, Any]]:
    """Opens captures and decrypts their TLS if there are keys; `stack` closes temporary files.

    `warn` is called with capture warnings.

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
        readers, failed = _readers(sources, warn)
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
        warn(CaptureWarning("keys", f"the keys in the capture were not used: {error}"))
        return *_readers(sources, warn), more
    if made.encrypted and not made.with_keys:
        what = f"there are no keys for any of {made.encrypted} TLS connections"
        warn(CaptureWarning("keys", what))
    if made.undecrypted:
        what = f"{made.undecrypted} of {made.with_keys} TLS connections that have keys"
        why = "it may not detect TLS behind a PROXY protocol header"
        warn(CaptureWarning("keys", f"tshark decrypted nothing of {what}; {why}"))
    if made.decrypted is not None:
        stack.callback(made.decrypted.close)
        more["decrypted"] = made.decrypted
    return *_readers(sources, warn), more


def warn_of_unused_secrets(readers: Sequence[CaptureReader], warn: Warn) -> None:
    """Warns of captures whose embedded keys came too late to be used, or through a pipe."""
    for reader in readers:
        if reader.secrets:
            what = (
                "the keys in it were not used, because they follow frames or came through a pipe; "
                "`tshark -r FILE --export-tls-session-keys KEYS` writes them for --keylog"
            )
            warn(CaptureWarning("keys", what, reader.path))


def _readers(
    sources: Sequence[Source], warn: Warn
) -> tuple[list[CaptureReader], list[CaptureError]]:
    readers: list[CaptureReader] = []
    failed: list[CaptureError] = []
    for source in sources:
        try:
            readers.append(open_capture(source, file_index=len(readers), warn=warn))
        except CaptureError as error:
            failed.append(error)
    return readers, failed
