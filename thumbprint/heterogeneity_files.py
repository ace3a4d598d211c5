"""What `thumbprint heterogeneity` and `thumbprint recommend` leave in a folder."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from federated.heterogeneity.advice import Advice
from federated.heterogeneity.report import Heterogeneity
from keyboard_model.atomic import write_whole
from thumbprint.heterogeneity_pictures import PICTURES, heterogeneity_picture

REPORT, RECOMMENDATION = "heterogeneity.json", "recommendation.json"


def write_heterogeneity(folder: Path, found: Heterogeneity) -> list[Path]:
    """Writes the report and its pictures, each whole or not at all. Returns their paths."""
    pictures = {f"{name}.svg": heterogeneity_picture(found, name) for name in PICTURES}
    return _write(folder, {REPORT: _json(found.as_json()), **pictures})


def write_recommendation(folder: Path, found: Heterogeneity, advice: Advice) -> list[Path]:
    """Writes the advice, and the report that it follows from. Returns their paths."""
    about = {"format": "thumbprint-recommendation", "format_version": 1, "corpus_id": found.corpus_id, "run": found.run}
    return _write(folder, {REPORT: _json(found.as_json()), RECOMMENDATION: _json({**about, **asdict(advice)})})


def _json(content: object) -> bytes:
    return json.dumps(content, indent=2, sort_keys=True, allow_nan=False).encode() + b"\n"


def _write(folder: Path, files: dict[str, bytes]) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write_whole(folder / name, content)
    return [folder / name for name in files]
