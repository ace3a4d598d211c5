"""Small comparisons, with figures that can be computed by hand."""

from __future__ import annotations

from device_runtime.simulation.report import CorpusInfo
from thumbprint.comparison.analysis.statistics import Pair
from thumbprint.comparison.results import QUICK, ClientResult, Comparison, MethodResult


def row(user, hits, words=100, group="new_phone", messages=50, **others):
    return ClientResult(
        user_id=user, group=group, messages=messages, words=words, hits_at_1=0, hits_at_3=hits, **others
    )


def method(name, rows, **others):
    settings = {"paper": "p", "where": "phone", "on_device": True, "settings": {}, "trials": 0} | others
    return MethodResult(name=name, clients=rows, **settings)


def comparison(methods, **others):
    settings = {"seed": 0, "min_messages": 20, "budget": QUICK} | others
    return Comparison(corpus=CorpusInfo(id="c", description="d", synthetic=False), methods=methods, **settings)


def pairs(recalls, shared):
    """Returns pairs of users with 100 words each, from hits by user id: `{"a": 30}, {"a": 20}`."""
    return [Pair(row(user, hits), shared[user] / 100) for user, hits in recalls.items()]
