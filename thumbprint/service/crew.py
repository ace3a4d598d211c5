"""Threads that run trials on a service's phones: they wait for answers, and need no processes."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from api.client import ServiceError
from device_runtime.crew import MACHINE_ERRORS, failure
from device_runtime.held_out import SimulatedUser, TrialPlan
from device_runtime.report import FailedUser
from device_runtime.tested_phone import NewPhone
from device_runtime.trial import Trial, try_out
from thumbprint.service.ledger import LedgerError
from thumbprint.service.phone import BundleChangedError
from thumbprint.service.stop import Stop, StoppedError

_NOT_THE_USERS = (*MACHINE_ERRORS, StoppedError, LedgerError, BundleChangedError)
_UNFIT = (413, 422)  # what a service answers to a user's data, and to nothing else that is sent here


class ServiceCrew:
    """`workers` threads; a context manager that ends them, soon where the block ends in an error."""

    def __init__(self, new_phone: NewPhone, plan: TrialPlan, workers: int, stop: Stop) -> None:
        self._new_phone, self._plan, self._stop = new_phone, plan, stop
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="phone")

    def begin(self, user: SimulatedUser, key: str) -> Future[Trial | FailedUser]:
        """Starts one trial. What is no fault of the user's data is raised by its future: see `ServicePhone`."""
        return self._pool.submit(self._run, user)

    def _run(self, user: SimulatedUser) -> Trial | FailedUser:
        try:
            with self._new_phone(user.user_id) as phone:
                return try_out(phone, user, self._plan)
        except _NOT_THE_USERS:
            raise
        except ServiceError as error:
            if error.status not in _UNFIT:
                raise
            return failure(user, error)
        except Exception as error:
            return failure(user, error)

    def __enter__(self) -> ServiceCrew:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._stop.give()
        self._pool.shutdown(cancel_futures=True)
