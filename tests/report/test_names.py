from esc50.report.names import printable


def test_what_no_screen_shows_becomes_a_mark():
    assert printable("a\x07b\x1b\x00\udcff") == "a�b���"
    assert printable("Straße <b> 音.wav") == "Straße <b> 音.wav"
