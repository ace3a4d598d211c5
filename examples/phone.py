"""A phone opens a signed bundle, suggests words, learns from its user, and suggests words again.

python examples/phone.py demo.bundle thumbprint_public.pem
"""

import sys
import tempfile
from pathlib import Path

from device_runtime import Engine, Phone, load_bundle


def main(bundle: str, public_key: str) -> None:
    engine = Engine(load_bundle(bundle, public_key))
    with tempfile.TemporaryDirectory() as folder, Phone.open(Path(folder) / "phone", engine) as phone:
        print("before:", [suggestion.word for suggestion in phone.predict("see you")])
        phone.observe_many(["see you at the allotment", "the allotment needs water"] * 20)
        print("adaptation:", phone.adapt().verdict)
        print("after: ", [suggestion.word for suggestion in phone.predict("see you at the")])


if __name__ == "__main__":
    main(*sys.argv[1:])
