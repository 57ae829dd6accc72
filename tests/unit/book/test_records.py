"""Records of studies: found by name, in a checkout and in an installed package alike."""

import json

import pytest

from ntklib.book import recorded, records


@pytest.fixture
def folder(tmp_path, monkeypatch):
    made = tmp_path / "records"
    (made / "tables").mkdir(parents=True)
    made.joinpath("parity.json").write_text('{"seed": 1, "µ": [0.5]}', encoding="utf-8")
    for name in ("wine", "iris"):
        made.joinpath("tables", f"{name}.json").write_text(json.dumps(name), encoding="utf-8")
    made.joinpath("tables", "README.md").write_text("none of them", encoding="utf-8")
    monkeypatch.setattr(recorded, "files", lambda package: tmp_path)
    return made


def test_a_file_is_a_record(folder):
    first = records("parity")
    assert first == {"seed": 1, "µ": [0.5]}
    first["seed"] = 2
    assert records("parity")["seed"] == 1


def test_a_folder_is_a_record_of_many_files(folder):
    assert list(records("tables").items()) == [("iris", "iris"), ("wine", "wine")]


@pytest.mark.parametrize("name", ["", "none", "../records/parity", "parity.json", 3, None])
def test_what_is_no_record_is_refused(folder, name):
    with pytest.raises(ValueError, match=r"name must be .*, got"):
        records(name)


def test_without_any_record(tmp_path, monkeypatch):
    monkeypatch.setattr(recorded, "files", lambda package: tmp_path)
    with pytest.raises(ValueError, match=r"one of \[\], got 'parity'"):
        records("parity")
