"""How long a list is that people read: one page, and then the next."""

from typing import Final

PAGE: Final = 200  # messages
