"""Devices of a service: each learns from its own messages and then suggests its own word.

Start a service, then run the script at the same time:

    thumbprint serve demo.bundle --insecure
    python examples/served_fleet.py http://127.0.0.1:8000
"""

import sys

from api import Client

MESSAGES = {
    "ann": ["meet me at the allotment", "the allotment needs water"],
    "bob": ["meet me at the harbour", "the harbour is cold"],
}


def main(url: str) -> None:
    with Client(url) as service:
        for device, messages in MESSAGES.items():
            service.create_device(device)
            service.observe(device, messages * 20)
            adaptation = service.adapt(device, wait=60)
            suggestions = service.predict(device, "meet me at the")
            print(device, adaptation.state, [suggestion.text for suggestion in suggestions])


if __name__ == "__main__":
    main(sys.argv[1])
