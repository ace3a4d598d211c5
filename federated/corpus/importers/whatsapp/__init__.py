"""Reads WhatsApp chat exports (`.txt` from Android or iOS, zipped or not); each author is a user.

The format has no specification, and all of it depends on the language and region of the phone. Start here:

    chat           reads a chat: first `survey`, then each message
    headers        the date and time that a message begins with, by their structure
    dates          the order of day and month, calendars, am and pm, decided from the whole file
    notices        what WhatsApp wrote in place of a person: media left out, deleted messages, calls, polls
    translations   WhatsApp's words for these, by language
"""

from federated.corpus.importers.whatsapp.chat import looks_like_chat, read

__all__ = ["looks_like_chat", "read"]
