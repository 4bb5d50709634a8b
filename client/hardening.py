"""What a process does first, before it knows a secret.

Files are for their owner alone, a crash leaves no memory on the disk, and no other
process of the same user looks into this one, as far as the system can do that.  A
file that TLS session keys would be written to is refused: it makes a recording of the
line readable, and nobody who set it by accident would notice.
"""

import contextlib
import os
import sys
from collections.abc import Mapping
from typing import Final

KEY_LOG: Final = "SSLKEYLOGFILE"
_PR_SET_DUMPABLE: Final = 4


class KeyLogError(Exception):
    """The environment asks for TLS session keys in a file."""


def harden(environment: Mapping[str, str]) -> None:
    """Set what the system allows: umask 077, no core dump, no tracing.

    Raises:
        KeyLogError: SSLKEYLOGFILE is set.
    """
    if environment.get(KEY_LOG):
        raise KeyLogError
    os.umask(0o077)
    if os.name == "nt":  # no core files; the folder's rights are the profile's
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(OSError, AttributeError):  # a libc without prctl
            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
