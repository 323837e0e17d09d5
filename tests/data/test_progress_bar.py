import threading
import time

from esc50.data.progress_bar import progress_bar


def test_it_counts_on_standard_error_alone(capsys):
    with progress_bar("making sound", 10) as advance:
        advance()
        advance(9)
    out, err = capsys.readouterr()
    assert out == ""
    assert "making sound" in err and "10/10" in err


def test_a_bar_that_goes_leaves_nothing_in_a_log(capsys):
    with progress_bar("looking", 10, transient=True) as advance:
        advance(10)
    assert capsys.readouterr() == ("", "")


def test_a_patient_bar_appears_when_it_takes_long(capsys):
    with progress_bar("short", 10, patience=60) as advance:
        advance(10)
    assert capsys.readouterr() == ("", "")
    with progress_bar("long", 10, patience=0.01) as advance:
        time.sleep(0.02)
        advance(10)
    assert "10/10" in capsys.readouterr().err


def test_many_steps_in_many_threads_are_all_counted(capsys):
    with progress_bar("counting", 8000) as advance:
        threads = [
            threading.Thread(target=lambda: [advance() for _ in range(1000)]) for _ in "8" * 8
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert "8000/8000" in capsys.readouterr().err
