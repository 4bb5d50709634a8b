"""The report that the demonstration sends when none is given."""

from pathlib import Path
from typing import Final

NAME: Final = "alert-coathanger-2024.json"
# In a wheel the samples lie beside this module; in a clone they are documents.
PLACES: Final = (
    Path(__file__).parent / "samples",
    Path(__file__).parents[2] / "docs" / "samples",
)


def sample() -> Path:
    """Return the file of a published incident: COATHANGER on FortiGate, 2024."""
    return next(
        (place / NAME for place in PLACES if (place / NAME).exists()), Path(NAME)
    )
