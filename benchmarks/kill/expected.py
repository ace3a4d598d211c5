"""What a phone must hold after what its owner did, computed without the phone.

An operation that was acknowledged before the kill is there exactly once. The operation that was under way is there once
or not at all, and whole. Nothing else is there.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from keyboard_model.text.units import PLACEHOLDER

WORDS = ("zorblatt", "quimby", "wexford", "jabberwock", "plonkers", "vizzini", "dromedar", "klaxonic")
"""Words that no model knows, so that one can look for them in the bytes of a folder."""
BLOCKABLE = ("grumbles", "snickers", "hobnobs", "wombling", "blimeys")
"""Words to block. They are others, because a block list keeps its words as they are."""
_FRAMES = ("see you at home {0}", "meet {0} at the station {1}", "ok thanks {0} and {0}", "are you coming {1} {0}")

Kind = Literal["observe", "forget", "block", "adapt", "rollback", "forget_all"]


@dataclass(frozen=True)
class Operation:
    """One call: the messages of `observe`, or the words of `forget` and `block`."""

    kind: Kind
    texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Expected:
    """The content of a phone: its messages in order, and its lists of words."""

    messages: tuple[str, ...] = ()
    forgotten: frozenset[str] = frozenset()
    blocked: frozenset[str] = frozenset()

    def after(self, operation: Operation) -> Expected:
        """Returns the content after an operation."""
        match operation.kind:
            case "observe":
                return replace(self, messages=self.messages + tuple(_masked(operation.texts, self.forgotten)))
            case "forget":
                gone = self.forgotten | set(operation.texts)
                return replace(self, messages=tuple(_masked(self.messages, gone)), forgotten=gone)
            case "block":
                return replace(self, blocked=self.blocked | set(operation.texts))
            case "forget_all":
                return Expected()
            case _:
                return self

    @classmethod
    def read(cls, export: dict[str, Any], forgotten: frozenset[str]) -> Expected:
        """Returns the content in an export, which counts the forgotten words but does not know them.

        Args:
            export: What `Phone.export` returned.
            forgotten: The words that are expected to be forgotten. The result has others if their number is another.
        """
        settings = export["settings"]
        if settings["forgotten_words"] != len(forgotten):
            forgotten = frozenset({f"{settings['forgotten_words']} words"})
        texts = tuple(message["text"] for message in export["messages"])
        return cls(texts, forgotten, frozenset(settings["blocked_words"]))


def draw(chance: random.Random, number: int, kinds: dict[Kind, int]) -> list[Operation]:
    """Returns `number` operations; `kinds` has the weight of each kind. Every message is another one."""
    return [_operation(chance, kind) for kind in chance.choices(list(kinds), list(kinds.values()), k=number)]


def _operation(chance: random.Random, kind: Kind) -> Operation:
    match kind:
        case "observe":
            return Operation(kind, tuple(_message(chance) for _ in range(chance.choice((1, 1, 3, 20)))))
        case "forget":
            return Operation(kind, (chance.choice(WORDS),))
        case "block":
            return Operation(kind, tuple(sorted(chance.sample(BLOCKABLE, 2))))
        case _:
            return Operation(kind)


def _message(chance: random.Random) -> str:
    unique = "".join(chance.choices("abcdefghijklmnop", k=9))
    return f"{chance.choice(_FRAMES).format(chance.choice(WORDS), chance.choice(BLOCKABLE))} {unique}"


def _masked(texts: Iterable[str], forgotten: frozenset[str]) -> Iterable[str]:
    for text in texts:
        yield " ".join(PLACEHOLDER if word in forgotten else word for word in text.split(" "))
