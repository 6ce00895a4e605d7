"""What every domain says about a book: its ISBN and the condition of a copy."""

from enum import StrEnum

from stdnum import isbn as standard
from stdnum.exceptions import ValidationError


class InvalidIsbn(ValueError):
    """The text is neither an ISBN-10 nor an ISBN-13 with a right check digit."""


class Grade(StrEnum):
    """The condition of a copy, best first."""

    NEW = "NEW"
    LIKE_NEW = "LIKE_NEW"
    VERY_GOOD = "VERY_GOOD"
    GOOD = "GOOD"
    ACCEPTABLE = "ACCEPTABLE"


def parse_isbn(text: str) -> str:
    """The ISBN-13 without hyphens of an ISBN-10 or ISBN-13 written in any usual way; raises InvalidIsbn."""
    if len(text) > 32 or not text.isascii():
        raise InvalidIsbn("an ISBN has 10 or 13 digits")
    try:
        return standard.validate(text, convert=True)
    except ValidationError as error:
        raise InvalidIsbn(f"{text!r} is not an ISBN: {str(error).rstrip('.').lower()}") from None
