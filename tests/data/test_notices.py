from esc50.data.notices import notice, some


def test_a_sentence_is_said_once_and_by_one_process(capsys, monkeypatch):
    notice.cache_clear()
    notice("3 clips are silent")
    notice("3 clips are silent")
    assert capsys.readouterr().err == "data: 3 clips are silent\n"
    monkeypatch.setenv("RANK", "1")
    notice("2 clips are silent")
    assert capsys.readouterr().err == ""


def test_names_are_quoted_and_the_first_are_shown():
    assert some(["a ", "b"]) == "'a ', 'b'"
    assert some([*"abcd"]) == "'a', 'b', 'c', ..."


def test_what_a_terminal_would_obey_is_escaped(capsys):
    notice("the class \x1b[31mdog")
    assert capsys.readouterr().err == "data: the class \\x1b[31mdog\n"
