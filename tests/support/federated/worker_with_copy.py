"""A worker with a copy of the corpus, which reads the data of clients itself."""

from collections.abc import Iterator
from contextlib import contextmanager

import portpicker

from federated.corpus.store import Corpus
from federated.data.corpus_share import CorpusShare
from federated.runtime.credentials import Address
from federated.runtime.execution_context import execution_context
from federated.runtime.worker import wait_until_ready, worker_process
from federated.runtime.worker_front import front
from federated.training.train_run import READERS


@contextmanager
def using_worker_with_copy(corpus: Corpus) -> Iterator[None]:
    """Lets TFF computations run on such a worker inside the block."""
    address = Address("localhost", portpicker.pick_unused_port())
    with worker_process() as worker:
        wait_until_ready(worker)
        with front(address, worker, None, CorpusShare(corpus, READERS)), execution_context([str(address)]):
            yield
