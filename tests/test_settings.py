from pathlib import Path

import pytest

from utils.settings import settings


def test_sample_is_the_default_scale(monkeypatch):
    monkeypatch.delenv("COURSE_SCALE", raising=False)
    assert settings.scale == "sample" and settings.pick(sample=1, full=2) == 1


def test_the_scale_is_read_when_asked_for(monkeypatch):
    monkeypatch.setenv("COURSE_SCALE", " FULL ")
    assert settings.scale == "full" and settings.pick(sample=1, full=2) == 2


def test_an_unknown_scale_is_named_with_the_fix(monkeypatch):
    monkeypatch.setenv("COURSE_SCALE", "medium")
    with pytest.raises(ValueError, match=r"COURSE_SCALE is 'medium', expected 'sample' or 'full'.*unset"):
        settings.pick(sample=1, full=2)


def test_folders_follow_course_data(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "a b"))
    assert settings.generated_root == (tmp_path / "a b" / "generated").resolve()
    assert settings.full_root == (tmp_path / "a b" / "full").resolve()


def test_the_sample_is_where_the_checkout_has_it():
    assert (settings.sample_root / "fashion-mnist" / "train-images-idx3-ubyte.gz").is_file()


def test_without_a_checkout_a_user_cache_is_used(monkeypatch, tmp_path):
    monkeypatch.delenv("COURSE_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("utils.settings._PACKAGE", Path("/nowhere/utils"))
    assert settings.data_root == tmp_path / "dive-into-vision"
    assert settings.sample_root == Path("/nowhere/utils/sample")


def test_mirror_is_none_when_unset_and_loses_its_trailing_slash(monkeypatch):
    monkeypatch.delenv("COURSE_DATA_MIRROR", raising=False)
    assert settings.mirror is None
    monkeypatch.setenv("COURSE_DATA_MIRROR", "file:///data/")
    assert settings.mirror == "file:///data"


def test_notes_lie_beside_the_checkout_or_where_course_notes_says(monkeypatch, tmp_path):
    monkeypatch.delenv("COURSE_NOTES", raising=False)
    monkeypatch.setattr("utils.settings._PACKAGE", tmp_path / "course" / "utils")
    assert settings.notes_root is None
    (tmp_path / "shared" / "notes").mkdir(parents=True)
    assert settings.notes_root == tmp_path / "shared" / "notes"
    monkeypatch.setenv("COURSE_NOTES", str(tmp_path))
    assert settings.notes_root == tmp_path
    monkeypatch.setenv("COURSE_NOTES", str(tmp_path / "nowhere"))
    assert settings.notes_root is None
