"""What inventory refuses, and what it cannot do."""

from kernel.errors import Problem


class ListingNotFound(Problem):
    """There is no such listing among the viewer's own."""

    code = "LISTING_NOT_FOUND"
    path: tuple[str, ...] = ("input", "listingId")


class CopiesAreHeld(Problem):
    """Buyers hold more copies than would be left."""

    code = "COPIES_ARE_HELD"
    path: tuple[str, ...] = ("input", "onHand")
    held: int

    @property
    def message(self) -> str:
        return f"{self.held} copies are held for buyers: at least as many must stay on hand."


class ReturnExceedsOrder(Exception):
    """More copies of a listing were to be returned than the order took and still keeps."""
