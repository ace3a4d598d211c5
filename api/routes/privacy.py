"""The endpoints of a device owner's rights: learned words, forgetting, the block list and the export."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.problems import Problem
from api.routes.parameters import Id, device_router
from api.schemas.privacy import (
    BlockedWords,
    BlockList,
    Export,
    Forget,
    ForgetSince,
    ForgetWord,
    Forgotten,
    LearnedWord,
    LearnedWords,
)
from api.service import Service
from device_runtime.phone.phone import Phone, PhoneError

_NOT_ONE_WORD = "that is not one word: a word has letters, digits and apostrophes"
_Limit = Annotated[int, Query(ge=1, le=1000, description="The largest number to return.")]


def router(service: Service) -> APIRouter:
    """Returns the routes over `service`."""
    routes = device_router("owner")

    @routes.get("/words")
    async def words(device_id: Id, limit: _Limit = 100) -> LearnedWords:
        """Lists the words that the owner typed."""

        def read() -> LearnedWords:
            with service.phone(device_id) as phone:
                found = phone.learned_words(limit)
            return LearnedWords(
                words=[LearnedWord(word=w.word, times=w.times, last_at=w.last_at, known=w.known) for w in found]
            )

        return await service.slow(read)

    @routes.post("/forget")
    async def forget(device_id: Id, body: Forget) -> Forgotten:
        """Forgets a word, everything typed since a time, or everything, in messages and adapter.

        When it answers, no byte of it is left on disk. An adapter that may have learnt from it is replaced by one
        that is trained anew without it.
        """

        def work() -> Forgotten:
            try:
                with service.phone(device_id) as phone:
                    _forget(phone, body)
                    return Forgotten(messages=phone.messages)
            except PhoneError as error:
                if error.__cause__ is None:  # the word is wrong; the storage works
                    raise Problem(422, _NOT_ONE_WORD) from error
                service.phones.reopen(device_id)  # opening the phone again finishes the forgetting
                raise

        return await service.slow(work)

    @routes.get("/blocked-words")
    def blocked_words(device_id: Id) -> BlockedWords:
        """Lists the words that this device must not suggest."""
        with service.phone(device_id) as phone:
            return BlockedWords(words=phone.blocked_words())

    @routes.put("/blocked-words")
    def block(device_id: Id, body: BlockList) -> BlockedWords:
        """Replaces the list of words that this device must not suggest. It may still learn them.

        The list is on disk when this answers. An empty list allows every word again, except those of the list that the
        service was started with.
        """
        with service.phone(device_id) as phone:
            try:
                phone.set_blocked_words(body.words)
            except PhoneError as error:
                if error.__cause__ is None:  # a word is wrong; the storage works
                    raise Problem(422, f"one of the words is refused: {_NOT_ONE_WORD}") from error
                raise
            return BlockedWords(words=phone.blocked_words())

    @routes.get("/export")
    async def export(device_id: Id) -> Export:
        """Gives everything that the device stores about its owner, with the adapter's file in base64."""

        def read() -> Export:
            with service.phone(device_id) as phone:
                return Export.model_validate(phone.export())

        return await service.slow(read)

    return routes


def _forget(phone: Phone, asked: Forget) -> None:
    if isinstance(asked, ForgetWord):
        phone.forget_word(asked.word)
    elif isinstance(asked, ForgetSince):
        phone.forget_since(asked.since)
    else:
        phone.forget_all()
