"""What workers find: follower ids and task messages. None of the followers' feeds is written."""

from __future__ import annotations

from streamfw_core.queues.retry import MessageFailed

from tests.acceptance.errors.rows import Row

ROWS = [
    Row(
        "follower ids without priorities",
        "fan_out([2, 3])",
        MessageFailed,
        "PinManager.get_user_follower_ids(1) returned [2, 3] (list): return ids by priority, such as "
        "{FanoutPriority.HIGH: ids}",
    ),
    Row(
        "no follower ids",
        "fan_out(None)",
        MessageFailed,
        "PinManager.get_user_follower_ids(1) returned None (NoneType): return ids by priority, such "
        "as {FanoutPriority.HIGH: ids}",
    ),
    Row(
        "one id instead of several",
        "fan_out({FanoutPriority.HIGH: 2})",
        MessageFailed,
        "PinManager.get_user_follower_ids(1) has 2 (int) under high: several ids (any iterable) are expected",
    ),
    Row(
        "a text instead of several ids",
        "fan_out({FanoutPriority.HIGH: 'ada'})",
        MessageFailed,
        "PinManager.get_user_follower_ids(1) has 'ada' (str) under high: several ids (any iterable) are expected",
    ),
    Row(
        "a priority that there is not",
        "fan_out({'urgent': [2, 3]})",
        MessageFailed,
        "PinManager.get_user_follower_ids(1) has the priority 'urgent': use FanoutPriority.HIGH, NORMAL or LOW",
    ),
    Row(
        "a follower id that is none",
        "fan_out({FanoutPriority.HIGH: [2, None]})",
        MessageFailed,
        "PinManager.get_user_follower_ids(1): a follower id must be an int, a str or a UUID, got None (NoneType)",
    ),
    Row(
        "a message that is None",
        "streams.execute(None)",
        MessageFailed,
        "a task message is bytes, got None (NoneType): pass what the queue was given, as it is",
    ),
    Row(
        "a message that is no JSON",
        "streams.execute(b'gASVCgAAAAAAAAB9lC4=')",
        MessageFailed,
        "not a task message of streamfw (JSON is malformed: invalid character (byte 0)): b'gASVCgAAAAAAAAB9lC4='",
    ),
    Row(
        "a message of another program",
        'streams.execute(b\'{"task":"send_mail"}\')',
        MessageFailed,
        'not a task message of streamfw (Object missing required field `kind`): b\'{"task":"send_mail"}\'',
    ),
    Row(
        "a message of a later version",
        'streams.execute(b\'{"kind":"follow","v":2,"manager":"pin","source":1,"stamp":1,"targets":[],"limit":1}\')',
        MessageFailed,
        "task message of version 2, and this release reads version 1: run the workers with the "
        "release that wrote it, or let the queue drain before upgrading",
    ),
    Row(
        "a message for a manager that there is not",
        'streams.execute(b\'{"kind":"follow","v":1,"manager":"pins","source":1,"stamp":1,"targets":[1],"limit":1}\')',
        MessageFailed,
        'no manager is named \'pins\' (known: pin): list it in the settings, "managers": {"pins": '
        '"myapp.feeds:MyManager"}',
    ),
    Row(
        "a message for a feed that there is not",
        'streams.execute(b\'{"kind":"deliver","v":1,"manager":"pin","source":1,"stamp":1,"operation":"'
        'add","items":[["7"]],"feed":"board","owners":[2]}\')',
        MessageFailed,
        "PinManager has no feed class named 'board' (it has: inline, pin); before a feed is renamed, "
        "let the messages that name it drain",
    ),
    Row(
        "a message whose activity is damaged",
        'streams.execute(b\'{"kind":"deliver","v":1,"manager":"pin","source":1,"stamp":900000000000000'
        '0,"operation":"add","items":[["7",{"a":1}]],"feed":"inline","owners":[2]}\')',
        MessageFailed,
        "activity 7 cannot be read: these 7 bytes are not what JsonSerializer writes for Activity "
        "(Expected `array`, got `object`); was the serializer of the feed changed while it had "
        "entries?",
    ),
    Row(
        "a message without the activity that the feed keeps",
        'streams.execute(b\'{"kind":"deliver","v":1,"manager":"pin","source":1,'
        '"stamp":9000000000000000,"operation":"add","items":[["7"]],"feed":"inline","owners":[2]}\')',
        MessageFailed,
        "a task message has only the id of activity 7, and feed 'inline' takes the activity: "
        "before a feed keeps payloads or listens to updates, let the messages from before drain",
    ),
]
