import os

import pytest

from esc50.data.tables import files
from esc50.data.tables.files import PassedOver, check_listed, is_system, list_folder
from esc50.errors import UserError


def refuses(root, *names, words, outside=False):
    with pytest.raises(UserError, match=words):
        check_listed(root / "t.csv", root, names, outside)


@pytest.mark.parametrize(
    ("there", "listed"),
    [
        ("Dog.WAV", "dog.wav"),
        ("sub/dog.wav", "dog.wav"),
        ("dog .wav", "dog.wav"),
        ("dog.wav ", "dog.wav"),
        ("dog.wav", "dog"),
    ],
)
def test_a_name_that_is_nearly_right_is_answered_with_the_right_one(tmp_path, there, listed):
    (tmp_path / there).parent.mkdir(exist_ok=True)
    (tmp_path / there).touch()
    if there == "dog .wav":  # another name, not the same one with blanks around it
        refuses(tmp_path, listed, words="1 of 1 files in .* are not in .*: dog.wav$")
        return
    refuses(tmp_path, listed, words=f"'{listed}' .there is '{there}'.")


def test_a_name_in_another_unicode_form_is_shown_as_such(tmp_path):
    (tmp_path / "T\u00fcr.wav").touch()
    words = r"there is 'T\\xfcr.wav', another Unicode form of 'Tu\\u0308r.wav'"
    refuses(tmp_path, "Tu\u0308r.wav", words=words)


def test_a_missing_clip_says_where_it_was_looked_for(tmp_path):
    refuses(tmp_path, "gone.wav", words=f"1 of 1 files in .*t.csv are not in {tmp_path}: gone.wav")


def test_links_out_are_followed_where_that_is_allowed(tmp_path):
    root = tmp_path / "audio"
    root.mkdir()
    (tmp_path / "a.wav").touch()
    (root / "a.wav").symlink_to(tmp_path / "a.wav")
    refuses(root, "a.wav", words="leads out of .* data.outside=true allows it")
    check_listed(root / "t.csv", root, ["a.wav", str(tmp_path / "a.wav"), "../a.wav"], True)


@pytest.mark.parametrize("outside", [False, True])
def test_a_link_to_itself_hides_no_other_clip_and_is_missing_itself(tmp_path, outside):
    (tmp_path / "a.wav").touch()
    (tmp_path / "loop.wav").symlink_to("loop.wav")
    (tmp_path / "loops").symlink_to("loops")
    check_listed(tmp_path / "t.csv", tmp_path, ["a.wav"], outside)
    refuses(tmp_path, "a.wav", "loop.wav", words="1 of 2 .*: loop.wav$", outside=outside)
    refuses(tmp_path, "a.wav", "loops/b.wav", words="1 of 2 .*: loops/b.wav$", outside=outside)


def test_a_link_to_itself_is_passed_over(tmp_path, capsys):
    (tmp_path / "dog").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    passed = PassedOver()
    assert list_folder(tmp_path, "", passed) == (["dog"], [])
    passed.tell(tmp_path)
    assert "1 links that lead nowhere ('loop')" in capsys.readouterr().err


def test_a_file_right_below_the_root_of_all_is_looked_for_there(tmp_path):
    name = next((entry.path for entry in os.scandir("/") if entry.is_file()), None)
    if name is None:
        pytest.skip("there is no file right below /")
    check_listed(tmp_path / "t.csv", tmp_path, [name], True)


def test_what_needs_a_decoder_is_refused_where_it_is_not_installed(tmp_path, monkeypatch):
    (tmp_path / "a.M4A").touch()
    monkeypatch.setattr(files, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"1 clips need PyAV .*'a.M4A'.*pip install 'esc50\[av\]'"):
        list_folder(tmp_path, "", PassedOver())


@pytest.mark.parametrize("name", ["._a.wav", ".DS_Store", "Thumbs.db", "__MACOSX", "@eaDir"])
def test_the_systems_own_is_known(name):
    assert is_system(name) and not is_system(f"a{name}")
