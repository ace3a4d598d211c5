"""What every report's file has in common; the reports' own tests say the rest."""

import stat

import pytest

from device_runtime.simulation.report import ReportError, VersionedReport, read_model, write_file, write_model


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
