"""Where each channel tells of a group: its own name of the message that began the group's story."""

from sqlalchemy import Connection, bindparam, delete, insert, update

from services.alerting.store.tables import threads

_HERE = (threads.c.group_key == bindparam("key")) & (threads.c.channel == bindparam("name"))
_SET = update(threads).where(_HERE).values(thread=bindparam("new"))
_ADD = insert(threads)
_FORGET = delete(threads).where(_HERE)


def note(tx: Connection, group_key: str, channel: str, thread: str) -> None:
    """The channel tells of the group there from now on."""
    if not tx.execute(_SET, {"key": group_key, "name": channel, "new": thread}).rowcount:
        tx.execute(_ADD, {"group_key": group_key, "channel": channel, "thread": thread})


def forget(tx: Connection, group_key: str, channel: str) -> None:
    """The story is over: what fires next begins a new one."""
    tx.execute(_FORGET, {"key": group_key, "name": channel})
