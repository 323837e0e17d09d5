from esc50.data.progress_bar import progress_bar


def test_it_counts_on_standard_error_alone(capsys):
    with progress_bar("making sound", 10) as advance:
        advance()
        advance(9)
    out, err = capsys.readouterr()
    assert out == ""
    assert "making sound" in err and "10/10" in err
