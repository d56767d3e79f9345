"""Pages of feeds, as views and templates of Django know them: by number, or by a cursor.

A page by number is what `django.core.paginator` makes: it counts the feed, and what is added meanwhile shifts it.
A page by cursor starts after what the page before ended with, whatever is added, and counts nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload

from django.core.paginator import InvalidPage, Page, Paginator
from django.db.models import QuerySet
from streamfw_core.errors import CursorError

from streamfw_core import Feed
from streamfw_django.prefetching import prefetch

__all__ = ["CursorPage", "CursorPaginator", "FeedPaginator", "InvalidCursor"]


class InvalidCursor(InvalidPage):
    """What should be a cursor is none of this feed."""


class FeedPaginator(Paginator):
    """Django's paginator over a feed, with the instances of each page, see `prefetch`.

    ```python
    page = FeedPaginator(feed, 25, Photo.objects.select_related("owner")).get_page(request.GET.get("page"))
    ```

    A page may be shorter than `per_page` where activities were removed that the feed still refers to.

    :param querysets: see `prefetch`.
    """

    def __init__(self, feed: Feed, per_page: int, *querysets: QuerySet[Any], **options: Any) -> None:
        super().__init__(feed, per_page, **options)
        self.querysets = querysets

    def page(self, number: int | str) -> Page:
        """See Django's; the activities of the page have their instances."""
        page = super().page(number)
        page.object_list = prefetch(page.object_list, *self.querysets)
        return page


class CursorPage(Sequence[Any]):
    """One page: a sequence of activities or groups, and where the next page starts."""

    def __init__(
        self, object_list: Iterable[Any], cursor: str | None, next_cursor: str | None, paginator: CursorPaginator
    ) -> None:
        self.object_list = list(object_list)
        """The activities or groups."""
        self.cursor = cursor
        """Where this page starts; None: it is the first."""
        self.next_cursor = next_cursor
        """Where the next one starts; None: the feed has ended."""
        self.paginator = paginator
        """What made the page."""

    def has_next(self) -> bool:
        """Whether there is another page."""
        return self.next_cursor is not None

    def has_previous(self) -> bool:
        """Whether this is not the first page. Where that one started is not known: cursors lead forward."""
        return self.cursor is not None

    def has_other_pages(self) -> bool:
        """Whether this is not the only page."""
        return self.has_next() or self.has_previous()

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        return self.object_list[index]

    def __len__(self) -> int:
        return len(self.object_list)

    def __repr__(self) -> str:
        return f"<CursorPage of {len(self)} after {self.cursor}>"


class CursorPaginator:
    """Walks a feed by cursors, with the instances of each page, see `prefetch`.

    ```python
    page = CursorPaginator(feed, 25).get_page(request.GET.get("after"))
    ```

    :param feed: in any order, with any filter.
    :param per_page: how many activities or groups a page has; only the last one has fewer.
    :param querysets: see `prefetch`.
    """

    def __init__(self, feed: Feed, per_page: int, *querysets: QuerySet[Any]) -> None:
        self.feed = feed
        self.per_page = per_page
        self.querysets = querysets

    def page(self, cursor: str | None = None) -> CursorPage:
        """The page that starts at a cursor, `next_cursor` of the page before; None or an empty text: the first.

        :raises InvalidCursor: no cursor of a feed of this class and order.
        """
        try:
            page = self.feed.page(self.per_page, after=cursor or None)
        except CursorError as error:
            raise InvalidCursor(str(error)) from error
        return CursorPage(prefetch(page, *self.querysets), cursor or None, page.next_cursor, self)

    def get_page(self, cursor: str | None = None) -> CursorPage:
        """The page that starts at a cursor; the first one where that is none."""
        try:
            return self.page(cursor)
        except InvalidCursor:
            return self.page()

    def __iter__(self) -> Iterator[CursorPage]:
        """All pages, from the first."""
        page = self.page()
        yield page
        while page.next_cursor is not None:
            page = self.page(page.next_cursor)
            yield page
