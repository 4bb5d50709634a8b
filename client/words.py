"""Words for people, Dutch and English, one catalogue each.

The core and the protocol speak in codes; only here do codes become words.  A
catalogue is a TOML table from code to sentence, with ``{name}`` for what varies.
A test compares the two catalogues and every code that the product can show.
"""

import os
import tomllib
from functools import cache
from typing import Final

LANGUAGES: Final = ("nl", "en")
FOLDER: Final = os.path.join(os.path.dirname(__file__), "locale")  # noqa: PTH118, PTH120 -- pathlib costs a tenth of the start


@cache
def _catalogue(language: str) -> dict[str, str]:
    with open(os.path.join(FOLDER, f"{language}.toml"), "rb") as file:  # noqa: PTH118, PTH123 -- pathlib is slow to import
        sections = tomllib.load(file)
    return {
        f"{section}.{name}": sentence
        for section, sentences in sections.items()
        for name, sentence in sentences.items()
    }


class Words:
    """Sentences in one language."""

    def __init__(self, language: str) -> None:
        if language not in LANGUAGES:
            message = "no catalogue for this language"
            raise ValueError(message)
        self.language = language

    def say(self, code: str, **parts: object) -> str:
        """Return the sentence for ``code``, ``section.name``, with its parts.

        Raises:
            KeyError: no such code, a caller's bug that a test finds.
        """
        return _catalogue(self.language)[code].format(**parts)

    def knows(self, code: str) -> bool:
        """Tell whether there is a sentence for a code that came from elsewhere."""
        return code in _catalogue(self.language)


def chosen_language(option: str | None, environment: str | None) -> str:
    """Return ``nl`` or ``en`` from ``--lang``, else from LANG; Dutch is first."""
    for wish in (option, environment):
        if wish and wish[:2].lower() in LANGUAGES:
            return wish[:2].lower()
    return "en" if environment and not environment.startswith("C") else "nl"
