"""An adapter of each client's own beside a common one: what Ditto and multi-task learning do alike.

The server holds the common adapter; a client keeps its own between rounds and, on its phone, takes K steps
from there, each pulled to the common one. How the two are trained in rounds is each method's `local`.
"""

from __future__ import annotations

from federated.local_training import adapter_sgd
from federated.personalization.method import ClientText, DeviceArtifact, MethodContext, PersonalModel, SharedModel
from keyboard_model.model.adapter import AdapterTensors


def server(base: SharedModel, plan: MethodContext) -> AdapterTensors:
    """The common adapter, at first one that changes nothing."""
    return base.adapter


def client(server: AdapterTensors, plan: MethodContext) -> AdapterTensors:
    """A client's own starts at the common one; a new phone's is that."""
    return server


def personalize(
    base: SharedModel, server: AdapterTensors, client: AdapterTensors, text: ClientText, plan: MethodContext
) -> PersonalModel:
    """K steps from the client's own adapter, each pulled to the common one by the plan's `proximal`."""
    adapter = adapter_sgd.personal_steps(base.parameters, client, server, text.learnt, plan.config, plan.bos)
    return PersonalModel(base.parameters, adapter)


def phone(base: SharedModel, server: AdapterTensors, plan: MethodContext) -> DeviceArtifact:
    """A phone is new: it starts at the common adapter."""
    return DeviceArtifact(base.parameters, (server,), "steps")
