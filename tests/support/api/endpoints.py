"""Every endpoint of the service with a valid call, of which a test changes one part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

DEVICE = "/v1/devices/{device_id}"


@dataclass(frozen=True)
class Endpoint:
    """A method and a path as in the OpenAPI schema, and the body of a valid call. Bytes are sent unchanged."""

    method: str
    path: str
    body: Any = None
    status: int = 200

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def call(
        self, client: httpx.Client, device_id: str = "unknown", model_id: str = "0" * 64, **options: Any
    ) -> httpx.Response:
        """Calls the endpoint. `options` are those of httpx; `json` or `content` replaces the valid body."""
        path = self.path.format(device_id=device_id, model_id=model_id, adaptation_id=1)
        if self.body is not None and not {"json", "content"} & options.keys():
            options["content" if isinstance(self.body, bytes) else "json"] = self.body
        return client.request(self.method, path, **options)


OPEN = (Endpoint("GET", "/healthz"), Endpoint("GET", "/readyz"))
OF_THE_SERVICE = (
    Endpoint("GET", "/metrics"),
    Endpoint("GET", "/v1/fleet"),
    Endpoint("GET", "/v1/bundles"),
    Endpoint("GET", "/v1/bundles/{model_id}"),
    Endpoint("GET", "/v1/bundles/{model_id}/download"),
    Endpoint("GET", "/v1/devices"),
)
CREATE = Endpoint("POST", "/v1/devices", {"device_id": "new"}, 201)
READS = (
    Endpoint("GET", DEVICE),
    Endpoint("POST", DEVICE + "/predictions", {"context": "meet me at"}),
    Endpoint("POST", DEVICE + "/predictions/batch", {"requests": [{"context": "meet me at"}]}),
    Endpoint("GET", DEVICE + "/adaptations/{adaptation_id}"),
    Endpoint("GET", DEVICE + "/adapter"),
    Endpoint("GET", DEVICE + "/adapter/history"),
    Endpoint("GET", DEVICE + "/words"),
    Endpoint("GET", DEVICE + "/blocked-words"),
    Endpoint("GET", DEVICE + "/export"),
)
UPLOAD = Endpoint("PUT", DEVICE + "/adapter", b"not an adapter")
CHANGES = (
    Endpoint("PATCH", DEVICE, {"incognito": True}),
    Endpoint("POST", DEVICE + "/messages", {"messages": [{"text": "meet me at zanzibar"}]}),
    Endpoint("POST", DEVICE + "/adaptations", None, 202),
    UPLOAD,
    Endpoint("POST", DEVICE + "/adapter/rollback", {"to": 0}),
    Endpoint("POST", DEVICE + "/forget", {"what": "word", "word": "zanzibar"}),
    Endpoint("PUT", DEVICE + "/blocked-words", {"words": ["zanzibar"]}),
    Endpoint("DELETE", DEVICE, None, 204),
)
OF_A_DEVICE = READS + CHANGES
GUARDED = (*OF_THE_SERVICE, CREATE, *OF_A_DEVICE)
EVERY = OPEN + GUARDED
