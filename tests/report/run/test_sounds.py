from esc50.report.run.clips import Clips
from esc50.report.run.sounds import encode
from esc50.results.run_folder import read_config


def test_each_clip_that_is_there_gets_a_sound_up_to_the_limit(tiny_run):
    clips = Clips(read_config(tiny_run), trusted=False)
    names = list(clips.data.table.filenames[:4])
    sounds = encode([names[0], "gone.wav", *names[1:]], clips, at_most=3)
    assert list(sounds) == names[:3]
    assert all(sound.startswith("data:audio/mpeg;base64,") for sound in sounds.values())
