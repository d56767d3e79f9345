"""Filters, orders, pages and cursors."""

from __future__ import annotations

from streamfw_core.errors import CursorError, FilterError, OrderingError, SliceError

from tests.acceptance.errors.rows import Row

ROWS = [
    Row(
        "a field that feeds cannot be filtered by",
        "feed.filter(actor_id=1)",
        FilterError,
        "feeds cannot be filtered by 'actor_id': use one of activity_id__gt, activity_id__gte, "
        "activity_id__lt, activity_id__lte",
    ),
    Row(
        "an operator that there is not",
        "feed.filter(activity_id__in=[1, 2])",
        FilterError,
        "feeds cannot be filtered by 'activity_id__in': use one of activity_id__gt, "
        "activity_id__gte, activity_id__lt, activity_id__lte",
    ),
    Row(
        "a field without an operator",
        "feed.filter(activity_id=1)",
        FilterError,
        "feeds cannot be filtered by 'activity_id': use one of activity_id__gt, activity_id__gte, "
        "activity_id__lt, activity_id__lte",
    ),
    Row(
        "a text as bound",
        "feed.filter(activity_id__gt='1')",
        FilterError,
        "activity_id__gt takes an activity id (an integer) or an activity, got '1' (str)",
    ),
    Row(
        "a float as bound",
        "feed.filter(activity_id__lte=float('nan'))",
        FilterError,
        "activity_id__lte takes an activity id (an integer) or an activity, got nan (float)",
    ),
    Row(
        "None as bound",
        "feed.filter(activity_id__lt=None)",
        FilterError,
        "activity_id__lt takes an activity id (an integer) or an activity, got None (NoneType)",
    ),
    Row(
        "a field that feeds are not ordered by",
        "feed.order_by('time')",
        OrderingError,
        "feeds are ordered by 'activity_id' (oldest first) or '-activity_id' (newest first), got 'time'",
    ),
    Row(
        "two orders",
        "feed.order_by('activity_id', '-activity_id')",
        OrderingError,
        "feeds are ordered by 'activity_id' (oldest first) or '-activity_id' (newest first), got "
        "'activity_id', '-activity_id'",
    ),
    Row(
        "no order",
        "feed.order_by()",
        OrderingError,
        "feeds are ordered by 'activity_id' (oldest first) or '-activity_id' (newest first), got nothing",
    ),
    Row(
        "a page of nothing",
        "feed.page(size=0)",
        SliceError,
        "a page has 1 activity or more, got size 0",
    ),
    Row(
        "a page of None",
        "feed.page(size=None)",
        SliceError,
        "a page has 1 activity or more, got size None",
    ),
    Row(
        "a cursor that was made up",
        "feed.page(after='abc')",
        CursorError,
        "'abc' is not a page cursor: pass page.next_cursor as it is, or None for the first page",
    ),
    Row(
        "a cursor in another script",
        "feed.page(after='é' * 24)",
        CursorError,
        "'éééééééééééééééééééééééé' is not a page cursor: pass page.next_cursor as it is, or None for the first page",
    ),
    Row(
        "a cursor that is an id",
        "feed.page(after=7)",
        CursorError,
        "a page cursor is a text, got 7 (int): pass page.next_cursor",
    ),
    Row(
        "a cursor of the other order",
        "feed.order_by('activity_id').page(after=cursor)",
        CursorError,
        "this page cursor comes from the other order: keep the feed's order_by while paging",
    ),
]
