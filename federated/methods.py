"""Every personalization method by name."""

from __future__ import annotations

from federated import ditto, fine_tuning, global_only
from federated.method import Method

METHODS: dict[str, Method] = {method.name: method for method in (global_only.METHOD, fine_tuning.METHOD, ditto.METHOD)}
