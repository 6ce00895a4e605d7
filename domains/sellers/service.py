"""What may be asked of the sellers' domain: register, publish, change and withdraw listings, and look at them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TypeVar
from uuid import UUID

from domains.sellers import ledger_repository, repository
from domains.sellers.errors import (
    BulkRefused,
    DisplayNameTaken,
    ListingIsWithdrawn,
    ListingNotFound,
    NotASeller,
    UnknownBook,
)
from domains.sellers.model import (
    AlreadyRegistered,
    ChangeListing,
    Listing,
    PublishListing,
    RegisterSeller,
    Sale,
    Seller,
    WithdrawListing,
    refuse_listings,
)
from kernel.clock import Clock, utc_now
from kernel.database import Database, Transaction
from kernel.errors import IdempotencyKeyReused, InvalidField, Problem, StaleVersion, UnsupportedCurrency
from kernel.ids import new_id
from kernel.money import Money
from kernel.pages import Page, PageRequest
from messaging import outbox
from messaging.events import ListingChanged, ListingPublished, ListingWithdrawn, SellerRegistered

BULK_ROWS = 500
"""How many rows of a bulk command share a transaction."""

EditRefused = ListingNotFound | StaleVersion | ListingIsWithdrawn
C = TypeVar("C")
T = TypeVar("T")


class SellersService:
    """The sellers' use cases over their own database; amounts are in the marketplace's one currency."""

    def __init__(self, database: Database, *, currency: str, clock: Clock = utc_now) -> None:
        self._database = database
        self._currency = currency
        self._clock = clock

    async def register(self, command: RegisterSeller) -> Seller | AlreadyRegistered | DisplayNameTaken | InvalidField:
        """Opens a stall for the owner."""
        for problem in command.problems():
            return problem
        seller = self._new_seller(command)

        async def add(tx: Transaction) -> Seller | AlreadyRegistered | DisplayNameTaken:
            if await repository.add_seller(tx, seller):
                await outbox.add(tx, SellerRegistered(**seller.announced()))
                return seller
            known = await repository.find_seller_of(tx, command.owner_id)
            return AlreadyRegistered(seller=known) if known else DisplayNameTaken(display_name=seller.display_name)

        return await self._database.transact(add)

    async def publish_listing(self, command: PublishListing) -> Listing | tuple[Problem, ...]:
        """Offers copies of a book, or says all that is wrong; the same key and terms answer the same listing again."""
        problems = tuple(command.problems(self._currency))
        published_at = self._clock()

        async def publish(tx: Transaction) -> Listing | tuple[Problem, ...]:
            seller = (await repository.lock_sellers_of(tx, [command.owner_id])).get(command.owner_id)
            if seller and not problems and (answer := await _published_before(tx, seller, command)):
                return answer
            refused = (*problems, *await _refuse_listing(tx, seller, command))
            if seller is None or refused:
                return refused
            listing = self._new_listing(command, seller, published_at)
            added = await repository.add_listing(
                tx, listing, fingerprint=command.fingerprint, idempotency_key=command.idempotency_key
            )
            if not added:  # a twin with the same key was faster
                return await _published_before(tx, seller, command) or (IdempotencyKeyReused(),)
            await outbox.add(tx, ListingPublished(**listing.announced(), quantity=listing.published_quantity))
            return listing

        return await self._database.transact(publish)

    async def change_listing(
        self, command: ChangeListing
    ) -> Listing | EditRefused | InvalidField | UnsupportedCurrency:
        """Changes price, condition or location."""
        for problem in command.problems(self._currency):
            return problem

        async def change(tx: Transaction) -> Listing | EditRefused:
            listing = await _listing_to_edit(tx, command)
            if not isinstance(listing, Listing):
                return listing
            changed = listing.changed_by(command)
            if changed is not listing:
                await repository.save_listing(tx, changed)
                await outbox.add(tx, ListingChanged(**changed.announced()))
            return changed

        return await self._database.transact(change)

    async def withdraw_listing(self, command: WithdrawListing) -> Listing | EditRefused:
        """Takes a listing off the market for good."""

        async def withdraw(tx: Transaction) -> Listing | EditRefused:
            listing = await _listing_to_edit(tx, command)
            if not isinstance(listing, Listing):
                return listing
            withdrawn = replace(listing, withdrawn=True, version=listing.version + 1)
            await repository.save_listing(tx, withdrawn)
            await outbox.add(tx, ListingWithdrawn(**withdrawn.announced()))
            return withdrawn

        return await self._database.transact(withdraw)

    async def register_many(self, commands: Sequence[RegisterSeller]) -> list[Seller]:
        """Opens many stalls; who has one keeps it. Raises BulkRefused; ConstraintViolated for a name that is taken."""
        _refuse_bulk(problem for command in commands for problem in command.problems())

        async def add(chunk: Sequence[RegisterSeller], tx: Transaction) -> list[Seller]:
            known = await repository.find_sellers(tx, (command.seller_id for command in chunk))
            new = {c.seller_id: self._new_seller(c) for c in chunk if c.seller_id not in known}
            await repository.add_sellers(tx, list(new.values()))
            await outbox.add(tx, *(SellerRegistered(**seller.announced()) for seller in new.values()))
            return [known.get(c.seller_id) or new[c.seller_id] for c in chunk]

        return await self._in_chunks(commands, add)

    async def publish_many(self, commands: Sequence[PublishListing]) -> list[Listing]:
        """Publishes many listings; an id that is known already keeps its listing. Raises BulkRefused."""
        _refuse_bulk(problem for command in commands for problem in command.problems(self._currency))
        published_at = self._clock()
        identified = [replace(command, id=command.id or new_id()) for command in commands]

        async def add(chunk: Sequence[PublishListing], tx: Transaction) -> list[Listing]:
            listings = await repository.find_listings(tx, (c.id for c in chunk if c.id))
            owners = await repository.lock_sellers_of(tx, {c.owner_id for c in chunk})
            isbns = {c.isbn13 for c in chunk if c.isbn13}
            unknown = isbns - await repository.known_isbns(tx, isbns)
            _refuse_bulk(UnknownBook(isbn=isbn) for isbn in sorted(unknown))
            _refuse_bulk(NotASeller() for c in chunk if c.owner_id not in owners)
            offered = await repository.count_offered(tx, [seller.id for seller in owners.values()], isbns)
            new: list[tuple[Listing, str]] = []
            for command in chunk:
                if command.id not in listings:
                    listing = self._new_listing(command, owners[command.owner_id], published_at)
                    listings[listing.id] = listing
                    new.append((listing, command.fingerprint))
            added = Counter((listing.seller_id, listing.isbn) for listing, _ in new)
            _refuse_bulk(problem for key in added for problem in refuse_listings(offered[key] + added[key]))
            await repository.add_listings(tx, new)
            events = (ListingPublished(**one.announced(), quantity=one.published_quantity) for one, _ in new)
            await outbox.add(tx, *events)
            return [listings[c.id] for c in chunk if c.id]

        return await self._in_chunks(identified, add)

    async def known_books(self, isbns: Iterable[str]) -> set[str]:
        """Which of these ISBN-13 can be listed: those whose BookAdded has arrived."""
        return await repository.known_isbns(self._database.read(), isbns)

    async def find_sellers(self, ids: Iterable[UUID]) -> dict[UUID, Seller]:
        """The sellers that exist of these ids."""
        return await repository.find_sellers(self._database.read(), ids)

    async def seller_of(self, owner_id: str) -> Seller | None:
        """The seller that the bearer of a token is."""
        return await repository.find_seller_of(self._database.read(), owner_id)

    async def find_listings(self, owner_id: str, ids: Iterable[UUID]) -> dict[UUID, Listing]:
        """Somebody's own listings of these ids, withdrawn ones too; those of others are absent like unknown ones."""
        found = await repository.find_listings(self._database.read(), ids)
        return {listing.id: listing for listing in found.values() if listing.owner_id == owner_id}

    async def listings_of(self, seller_id: UUID, page: PageRequest) -> Page[Listing]:
        """A seller's listings, newest first; raises InvalidCursor."""
        return await repository.listings_of(self._database.read(), seller_id, page)

    async def sales_of(self, seller_id: UUID, page: PageRequest) -> Page[Sale]:
        """A seller's sales, newest first; raises InvalidCursor."""
        return await ledger_repository.sales_of(self._database.read(), seller_id, page)

    async def _in_chunks(
        self, commands: Sequence[C], add: Callable[[Sequence[C], Transaction], Awaitable[list[T]]]
    ) -> list[T]:
        done: list[T] = []
        for start in range(0, len(commands), BULK_ROWS):
            chunk = commands[start : start + BULK_ROWS]
            done += await self._database.transact(partial(add, chunk))
        return done

    def _new_seller(self, command: RegisterSeller) -> Seller:
        return Seller(
            id=command.seller_id,
            owner_id=command.owner_id,
            display_name=command.display_name.strip(),
            email=command.email and command.email.strip(),
            books_sold=0,
            revenue=Money(0, self._currency),
            rating=command.rating,
            version=1,
            registered_at=self._clock(),
        )

    def _new_listing(self, command: PublishListing, seller: Seller, published_at: datetime) -> Listing:
        assert command.isbn13 is not None
        assert isinstance(command.price, Money)
        return Listing(
            id=command.id or new_id(),
            seller_id=seller.id,
            owner_id=seller.owner_id,
            isbn=command.isbn13,
            grade=command.grade,
            price=command.price,
            location=command.location.strip(),
            published_quantity=command.quantity,
            withdrawn=False,
            version=1,
            published_at=published_at,
        )


async def _published_before(
    tx: Transaction, seller: Seller, command: PublishListing
) -> Listing | tuple[Problem, ...] | None:
    """The answer that the command's key was given before."""
    if command.idempotency_key is None:
        return None
    earlier = await repository.find_key(tx, seller.id, command.idempotency_key)
    if earlier is None:
        return None
    if earlier.fingerprint != command.fingerprint:
        return (IdempotencyKeyReused(),)
    return (await repository.find_listings(tx, [earlier.id]))[earlier.id]


async def _refuse_listing(tx: Transaction, seller: Seller | None, command: PublishListing) -> list[Problem]:
    """Who does not sell cannot publish; nor can be what the catalogue does not know, or what there is enough of."""
    problems: list[Problem] = [] if seller else [NotASeller()]
    isbn = command.isbn13
    if isbn and not await repository.known_isbns(tx, [isbn]):
        problems.append(UnknownBook(isbn=isbn))
    if isbn and seller:
        offered = await repository.count_offered(tx, [seller.id], [isbn])
        problems.extend(refuse_listings(offered[seller.id, isbn] + 1))
    return problems


async def _listing_to_edit(tx: Transaction, command: ChangeListing | WithdrawListing) -> Listing | EditRefused:
    listing = await repository.lock_listing(tx, command.listing_id)
    if listing is None:
        return ListingNotFound(listing_id=command.listing_id)
    return listing.refuse_edit(command.owner_id, command.version) or listing


def _refuse_bulk(problems: Iterable[Problem]) -> None:
    if found := list(problems):
        raise BulkRefused(found)
