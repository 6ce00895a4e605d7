"""What the schema promises to clients of the last release: checked with it, and moved on at a release."""

from __future__ import annotations

from app.complaint import Complaint
from graph.released import broken_promises, undated_deprecations

WAY = (
    "Keep it, or deprecate it with a reason and a date, and remove it after a release that said so; what has to break "
    "all the same is a new major version: `bookstall schema --release`"
)


def require_kept(released: str, served: str) -> None:
    """Raises Complaint where the schema takes away what a release has and does not say to be going."""
    if broken := broken_promises(released, served):
        raise Complaint(f"the schema breaks clients of the last release. {' '.join(broken)} {WAY}")
    if undated := undated_deprecations(served):
        raise Complaint(" ".join(undated))
