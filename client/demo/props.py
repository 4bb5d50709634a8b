"""What the demonstration sends besides the report: texts and an attachment.

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

Bijgaand het verbindingslogboek waarom de Taskforce vroeg.
"""
ALARM: Final = """\
Een post meldt een inbraak op netwerkapparatuur. Controleer vandaag of eigen \
apparaten van hetzelfde merk zijn bijgewerkt. Kenmerk {word}.

Bevestig dit bericht; bijzonderheden volgen.
"""
LINES: Final = 4_000  # of the log: some 300 KB, more than one window of the line
WORD_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Props:
    """Files for ``koerier send``, and the words to search for afterwards."""

    text: Path
    warning: Path
    attachment: Path
    words: tuple[bytes, ...]


def make_props(folder: Path, entropy: Entropy) -> Props:
    """Write the texts and the attachment into ``folder``."""
    first, second, third = (f"kenmerk-{entropy(WORD_BYTES).hex()}" for _ in range(3))
    private_folder(folder)
    text, warning = folder / "weekbericht.txt", folder / "waarschuwing.txt"
    attachment = folder / "verbindingslogboek.csv"
    write_atomic(text, TEXT.format(word=first).encode())
    write_atomic(warning, ALARM.format(word=second).encode())
    write_atomic(attachment, _log(third).encode())
    words = (first, second, third, SUBJECT, WARNING, attachment.name)
    return Props(text, warning, attachment, tuple(word.encode() for word in words))


def _log(word: str) -> str:
    """Return a log of connections between documentation addresses (RFC 5737)."""
    rows = [
        f"2026-11-{1 + n % 28:02}T{n % 24:02}:{n % 60:02}:00Z,192.0.2.{n % 250 + 1},"
        f"198.51.100.{n * 7 % 250 + 1},{443 if n % 9 else 8443},{n * 131 % 65521}"
        for n in range(LINES)
    ]
    rows.insert(LINES // 2, f"# {word}")
    return "\n".join(["tijd,van,naar,poort,bytes", *rows]) + "\n"
