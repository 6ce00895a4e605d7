"""What can be wrong with a request to the catalog."""

from kernel.errors import Problem


class BookAlreadyKnown(Problem):
    """The catalog has a book with this ISBN already."""

    code = "BOOK_ALREADY_KNOWN"
    isbn: str
