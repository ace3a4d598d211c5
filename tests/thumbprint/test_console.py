"""How the command line shows progress."""

import logging

from federated.job import TrainingConfig
from thumbprint.console import showing_rounds


def test_a_warning_of_a_training_is_one_line(capsys, caplog):
    with showing_rounds(TrainingConfig()):
        logging.getLogger("federated.runtime").warning("the worker at %s\nis lost", "host:1")
    assert capsys.readouterr().err == "the worker at host:1 is lost\n"
    logging.getLogger("federated.runtime").warning("printed by others again")
    assert caplog.messages == ["printed by others again"]
