"""What the demonstration sends besides the report: texts.

Each holds words that are found nowhere else, so that a search of the relay's files
means something.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from client.files import private_folder, write_atomic
from crypto.entropy import Entropy

SUBJECT: Final = "Weekbericht digitale veiligheid"
WARNING: Final = "Waarschuwing aan alle posten"
TEXT: Final = """\
Het gastland kondigt voor volgende week een werkgroep over netwerkapparatuur aan; de \
post is als waarnemer uitgenodigd. Kenmerk {word}.

Het verbindingslogboek waarom de Taskforce vroeg, volgt.
"""
ALARM: Final = """\
Een post meldt een inbraak op netwerkapparatuur. Controleer vandaag of eigen \
apparaten van hetzelfde merk zijn bijgewerkt. Kenmerk {word}.

Bevestig dit bericht; bijzonderheden volgen.
"""
WORD_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Props:
    """Files for ``koerier send``, and the words to search for afterwards."""

    text: Path
    warning: Path
    words: tuple[bytes, ...]


def make_props(folder: Path, entropy: Entropy) -> Props:
    """Write the texts and the attachment into ``folder``."""
    first, second = (f"kenmerk-{entropy(WORD_BYTES).hex()}" for _ in range(2))
    private_folder(folder)
    text, warning = folder / "weekbericht.txt", folder / "waarschuwing.txt"
    write_atomic(text, TEXT.format(word=first).encode())
    write_atomic(warning, ALARM.format(word=second).encode())
    words = (first, second, SUBJECT, WARNING)
    return Props(text, warning, tuple(word.encode() for word in words))
