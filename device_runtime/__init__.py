"""What runs on the phone: verify a bundle, suggest words, adapt to the user. No TensorFlow, no training code.

From a bundle to the first suggestion:

    from device_runtime import Engine, Phone, load_bundle

    engine = Engine(load_bundle("demo.bundle", "thumbprint_public.pem"))
    with Phone.open("phone", engine) as phone:
        print(phone.predict("see you", prefix="to"))

Start here:

    load_bundle     reads a bundle and verifies its signature before it interprets anything
    Engine          runs the bundle's model in LiteRT
    open_last_good  the same for an app that gets new bundles: goes back to the one before if a new one cannot be used
    Phone           one user's history, adapter and suggestions, in one folder
    Suggestion      one suggested word, and where it comes from
    Budget          limits of time and memory for one adaptation
    Policy          when a phone may adapt: charging, idle, often enough
    Conditions      what the policy looks at
    BundleError, PhoneError    what is raised on bad input

Inside: `manifest` (the signed description), `adapter`, `bundle`, `inference`, `prediction`, `adaptation`, `phone`,
 `simulation` (phones for the users of a corpus, fleets) and `reporting`.

All names are imported on first use. The extra `phone` installs what they need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from keyboard_model.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from device_runtime.adaptation.budget import Budget
    from device_runtime.bundle.files import BundleError
    from device_runtime.bundle.loader import Bundle, load_bundle
    from device_runtime.bundle.signing_keys import KeyFileError, SigningKeys
    from device_runtime.inference.engine import Engine
    from device_runtime.inference.last_good import open_last_good
    from device_runtime.phone.adaptation_policy import Conditions, Policy
    from device_runtime.phone.phone import Phone, PhoneError
    from device_runtime.prediction.predictor import Suggestion
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "device_runtime.adaptation.budget": ("Budget",),
            "device_runtime.bundle.files": ("BundleError",),
            "device_runtime.bundle.loader": ("Bundle", "load_bundle"),
            "device_runtime.bundle.signing_keys": ("KeyFileError", "SigningKeys"),
            "device_runtime.inference.engine": ("Engine",),
            "device_runtime.inference.last_good": ("open_last_good",),
            "device_runtime.phone.adaptation_policy": ("Conditions", "Policy"),
            "device_runtime.phone.phone": ("Phone", "PhoneError"),
            "device_runtime.prediction.predictor": ("Suggestion",),
        },
    )

__all__ = [
    "Budget",
    "Bundle",
    "BundleError",
    "Conditions",
    "Engine",
    "KeyFileError",
    "Phone",
    "PhoneError",
    "Policy",
    "SigningKeys",
    "Suggestion",
    "load_bundle",
    "open_last_good",
]
