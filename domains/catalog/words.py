"""Search words: how a text is cut into words, the same for a book's title and for what somebody looks for."""

import re
import unicodedata

WORD_LENGTH = 40
"""Longer words are cut, in the index as in a search."""

_WORD = re.compile(r"[^\W_]+")
_MARK = r"['.\-\u2019\u2010]"  # also the typographic apostrophe and hyphen
_COMPOUND = re.compile(rf"[^\W_]+(?:{_MARK}[^\W_]+)+")


def folded(text: str) -> str:
    """The text without accents, case and typographic forms: `Brontë` is `bronte`, `ﬁn` is `fin`."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in decomposed if not unicodedata.category(letter).startswith("M")).casefold()


def words_of(text: str) -> list[str]:
    """The distinct words of a text in their order; none for one without letters and digits."""
    return list(dict.fromkeys(word[:WORD_LENGTH] for word in _WORD.findall(folded(text))))


def sort_key(text: str) -> str:
    """What a text is sorted by: all its words in their order, or its signs where it has none."""
    return " ".join(_WORD.findall(folded(text))) or folded(text)


def index_words_of(text: str) -> set[str]:
    """The words under which a text is found: its own, and each compound without its marks.

    `J.R.R. O'Brien` is found by `j`, `r`, `o`, `brien`, and also by `jrr` and `obrien`.
    """
    compounds = _COMPOUND.findall(folded(text))
    return {*words_of(text), *("".join(_WORD.findall(compound))[:WORD_LENGTH] for compound in compounds)}
