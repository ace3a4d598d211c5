"""The endpoints for the rights of a device's owner: learned words, forgetting, the block list and the export."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.http.problems import Problem
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

_NOT_ONE_WORD = "not exactly one word: a word has letters, digits and apostrophes"
_Limit = Annotated[int, Query(ge=1, le=1000, description="The maximum number of words to return.")]


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

        return await service.run_slow(read)

    @routes.post("/forget")
    async def forget(device_id: Id, body: Forget) -> Forgotten:
        """Removes a word, everything typed since a time, or everything, from the messages and the adapter.

        When the answer is sent, no byte of the forgotten text is on disk. An adapter that may have learned from it has
        been replaced by one that was trained again without it.
        """

        def work() -> Forgotten:
            try:
                with service.phone(device_id) as phone:
                    _forget(phone, body)
                    return Forgotten(messages=phone.messages)
            except PhoneError as error:
                if error.__cause__ is None:  # the word is wrong; the storage works
                    raise Problem(422, f"the word is {_NOT_ONE_WORD}") from error
                service.phones.reopen(device_id)  # opening the phone again finishes the forgetting
                raise

        return await service.run_slow(work)

    @routes.get("/blocked-words")
    async def blocked_words(device_id: Id) -> BlockedWords:
        """Lists the words that this device must not suggest."""

        def read() -> BlockedWords:
            with service.phone(device_id) as phone:
                return BlockedWords(words=phone.blocked_words())

        return await service.run(read)

    @routes.put("/blocked-words")
    async def block(device_id: Id, body: BlockList) -> BlockedWords:
        """Replaces the list of words that this device must not suggest. The device can still learn these words.

        The list is on disk when the answer is sent. An empty list allows every word again, except the words of the
        list that the service was started with.
        """

        def replace() -> BlockedWords:
            with service.phone(device_id) as phone:
                try:
                    phone.set_blocked_words(body.words)
                except PhoneError as error:
                    if error.__cause__ is None:  # a word is wrong; the storage works
                        raise Problem(422, f"one entry of the list is {_NOT_ONE_WORD}") from error
                    raise
                return BlockedWords(words=phone.blocked_words())

        return await service.run(replace)

    @routes.get("/export")
    async def export(device_id: Id) -> Export:
        """Returns everything that the device stores about its owner, with the adapter's file in base64."""

        def read() -> Export:
            with service.phone(device_id) as phone:
                return Export.model_validate(phone.export())

        return await service.run_slow(read)

    return routes


def _forget(phone: Phone, request: Forget) -> None:
    if isinstance(request, ForgetWord):
        phone.forget_word(request.word)
    elif isinstance(request, ForgetSince):
        phone.forget_since(request.since)
    else:
        phone.forget_all()
