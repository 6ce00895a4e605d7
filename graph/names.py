"""How long the names of a document may be."""

from __future__ import annotations

from graphql import DocumentNode, GraphQLError, Token, TokenKind

from graph.errors import Code

NAME_LENGTH = 64
"""The characters of a name at most: an answer repeats an alias for each thing on a page, an error whatever is wrong."""


def long_name(document: DocumentNode) -> GraphQLError | None:
    """The error of the first name that is too long, which it leads to and does not repeat."""
    assert document.loc is not None
    token: Token | None = document.loc.start_token
    while token is not None:
        length = token.end - token.start
        if token.kind is TokenKind.NAME and length > NAME_LENGTH:
            code = Code.GRAPHQL_VALIDATION_FAILED.value
            return GraphQLError(
                f"A name has at most {NAME_LENGTH} characters.",
                source=document.loc.source,
                positions=[token.start],
                extensions={"code": code, "nameLength": length, "limit": NAME_LENGTH},
            )
        token = token.next
    return None
