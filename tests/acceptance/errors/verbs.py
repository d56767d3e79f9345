"""Verbs, and registering them."""

from __future__ import annotations

from streamfw_core.errors import DuplicateVerb, VerbError, VerbNotFound

from tests.acceptance.errors.rows import Row

ROWS = [
    Row(
        "the name of a verb",
        "publish(Activity(1, 'love', 1))",
        VerbError,
        "a verb is a Verb class, an instance of one or its id, got 'love'",
    ),
    Row(
        "None as verb",
        "publish(Activity(1, None, 1))",
        VerbError,
        "a verb is a Verb class, an instance of one or its id, got None",
    ),
    Row(
        "an id that no verb has",
        "publish(Activity(1, 8_999, 1))",
        VerbNotFound,
        "no verb is registered under the id 8999: import the module that defines it and calls "
        "register() before activities are made or read (registered: 1, 2, 3, 4)",
    ),
    Row(
        "a verb that was not registered",
        "publish(Activity(1, subclass(Verb, 'Pin', id=8_901, infinitive='pin', past_tense='pinned'), 1))",
        VerbError,
        "verb Pin (id 8901) is not registered, so nobody could read it back: call streamfw_core.register(Pin)",
    ),
    Row(
        "a verb without an id",
        "register(subclass(Verb, 'Pin', infinitive='pin', past_tense='pinned'))",
        VerbError,
        "verb Pin needs an integer id from 1 to 2**63 - 1, got 0",
    ),
    Row(
        "a verb whose id is a text",
        "register(subclass(Verb, 'Pin', id='5', infinitive='pin', past_tense='pinned'))",
        VerbError,
        "verb Pin needs an integer id from 1 to 2**63 - 1, got '5'",
    ),
    Row(
        "a verb id of 2**63",
        "register(subclass(Verb, 'Pin', id=2**63, infinitive='pin', past_tense='pinned'))",
        VerbError,
        "verb Pin needs an integer id from 1 to 2**63 - 1, got 9223372036854775808",
    ),
    Row(
        "a verb without a past tense",
        "register(subclass(Verb, 'Pin', id=8_901, infinitive='pin'))",
        VerbError,
        "verb Pin needs past_tense = '...', got ''",
    ),
    Row(
        "a verb id that is taken",
        "register(subclass(Verb, 'Pin', id=3, infinitive='pin', past_tense='pinned'))",
        DuplicateVerb,
        "verb id 3 of shop.Pin is taken by streamfw_core.verbs.Love: give Pin an id that no verb has "
        "(taken: 1, 2, 3, 4)",
    ),
    Row(
        "register() of a text",
        "register('pin')",
        VerbError,
        "register() takes a subclass of Verb, got 'pin'",
    ),
]
