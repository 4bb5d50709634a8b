"""The whole file: format and stage, the sections, the label.

The file's object is the one shape that is no message: its stage travels as the
body's and its label as the record's.
"""

from typing import Final

from msgspec import NODEFAULT

from protocol.incident.label_form import LabelForm
from protocol.incident.model import Sections
from protocol.incident.shapes import FieldShape, ObjectShape, Shape, WordShape, shape_of
from protocol.incident.taxonomy import Format, Stage


def _required(name: str, shape: Shape) -> FieldShape:
    return FieldShape(name, name, shape, required=True, default=NODEFAULT)


FILE: Final = ObjectShape(
    Sections,
    (
        _required("format", WordShape(Format)),
        _required("stage", WordShape(Stage)),
        *shape_of(Sections).fields,
        _required("label", shape_of(LabelForm)),
    ),
)
