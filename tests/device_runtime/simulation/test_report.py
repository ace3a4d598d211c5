import json
import re
import stat

import pytest

from device_runtime.simulation.report import (
    FailedUser,
    ReportError,
    VersionedReport,
    load_report,
    read_model,
    write_file,
    write_model,
    write_report,
)
from tests.support.device_runtime.simulation.report import make_report, row


def test_report_comes_back_as_it_was_written(tmp_path):
    report = make_report(extra=[row("quiet", None, None, False)], failed=[FailedUser(user_id="x", reason="broken")])
    write_report(tmp_path / "deep" / "report.json", report)
    assert load_report(tmp_path / "deep" / "report.json") == report


def test_keys_are_those_of_the_documentation(tmp_path):
    write_report(tmp_path / "report.json", make_report())
    found = json.loads((tmp_path / "report.json").read_text())
    assert list(found) == [
        "schema_version", "bundle", "corpus", "min_messages", "train_share", "users", "clients_in_aggregates",
        "global", "personal", "gain", "prequential", "fraction_hurt", "fraction_helped", "likely_hurt",
        "likely_helped", "adapter_bytes", "adaptation_seconds", "prediction_ms", "failed", "clients",
    ]  # fmt: skip
    assert list(found["global"]) == [
        "recall_at_1", "recall_at_3", "keystroke_savings", "keystroke_savings_with_taps", "pooled",
    ]  # fmt: skip
    assert list(found["global"]["recall_at_3"]) == ["mean", "low", "high", "median", "p10", "std"]
    assert list(found["clients"][0]) == [
        "user_id", "messages", "words_tested", "global", "personal", "prequential", "gained", "lost",
        "hurt_probability", "helped_probability", "verdict", "adapter_bytes", "adaptation_seconds", "in_aggregates",
    ]  # fmt: skip


def test_another_schema_version_is_refused_with_what_to_do(tmp_path):
    path = tmp_path / "report.json"
    write_report(path, make_report())
    path.write_text('{"schema_version": 1, "users": 3, "fraction_hurt": 0.1}')  # keys of an older version
    with pytest.raises(ReportError, match=r"schema_version 1.*simulate again"):
        load_report(path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"users": 3}', b"\xff\xfe"])
def test_what_is_no_report_is_refused(tmp_path, content):
    path = tmp_path / "report.json"
    path.write_bytes(content)
    with pytest.raises(ReportError, match="is not a report"):
        load_report(path)


def test_missing_report_is_named(tmp_path):
    with pytest.raises(ReportError, match=re.escape("none.json: No such file")):
        load_report(tmp_path / "none.json")


def test_failed_write_keeps_the_old_report_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "report.json"
    path.mkdir()  # os.replace cannot put a file there
    with pytest.raises(ReportError, match="cannot write"):
        write_report(path, make_report())
    assert list(tmp_path.iterdir()) == [path]


class Weather(VersionedReport):
    schema_version: int = 2
    rain: bool


def test_it_is_read_as_it_was_written_and_the_owner_s_alone(tmp_path):
    path = tmp_path / "new folder" / "weather.json"
    write_model(path, Weather(rain=True))
    assert read_model(path, Weather, 2, "a weather report") == Weather(rain=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"schema_version": 2, "rain": 7}', "is not a weather report: rain"),
        ('{"schema_version": 2, "rain": true, "snow": true}', "is not a weather report: snow"),
        ("", "is not a weather report: the file"),
        ('{"schema_version": 3, "rain": true}', "has schema_version 3, this program reads 2: simulate again"),
    ],
)
def test_what_is_none_is_refused_and_named(tmp_path, content, said):
    path = tmp_path / "weather.json"
    path.write_text(content)
    with pytest.raises(ReportError, match=said):
        read_model(path, Weather, 2, "a weather report")


def test_a_failed_write_keeps_the_old_file(tmp_path):
    path = tmp_path / "report.json"
    (path / "old").mkdir(parents=True)  # nothing can be put in its place
    with pytest.raises(ReportError, match="cannot write"):
        write_file(path, b"new")
    assert (path / "old").is_dir() and list(tmp_path.iterdir()) == [path]
