"""From trained weights to a signed LiteRT (TFLite) bundle, checked against TensorFlow before it is written.

Start here:

    export_bundle    converts, checks, signs and writes a bundle
    ParityReport     the largest differences between the bundle in LiteRT and the model in TensorFlow
    ExportError      raised if the model cannot be converted, or differs too much

Inside: `signatures` (the functions of the model file), and `parity_check` (the exported model against TensorFlow).

All names are imported on first use; they need TensorFlow (the extra `train`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from keyboard_model.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from tflite_export.export import export_bundle
    from tflite_export.parity_check import ParityReport
    from tflite_export.signatures import ExportError
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "tflite_export.export": ("export_bundle",),
            "tflite_export.parity_check": ("ParityReport",),
            "tflite_export.signatures": ("ExportError",),
        },
    )

__all__ = ["ExportError", "ParityReport", "export_bundle"]
