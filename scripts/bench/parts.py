"""What the benchmark measures: its parts, their sizes, who competes in each."""

import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.clips import check_space, copy_as, link
from bench.contest import Contestant, Outcome, compete, make_row
from esc50.config.loading import SPINS
from esc50.data.progress_bar import progress_bar

CACHED_BYTES = 65_536 + 2 * 239 * 431  # of a clip's log-mel and spectrum
WAVEFORM_LIBRARIES = {
    "librosa offline": "librosa_offline",
    "torchaudio": "torchaudio_offline",
    "audiomentations": "audiomentations_offline",
    "torch-audiomentations (no stretch)": "torch_audiomentations_online",
}

# Environment variables that say how OpenMP's threads wait; the first is train.py's.
THREADS: dict[str, dict[str, str | None]] = {
    "ours": {"OMP_WAIT_POLICY": None, "GOMP_SPINCOUNT": SPINS},
    "as OpenMP has it": {"OMP_WAIT_POLICY": None, "GOMP_SPINCOUNT": None},
    "passive": {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": None},
    "one thread": {"OMP_NUM_THREADS": "1"},
}
NEIGHBOURS = {"alone": 0, "one busy neighbour": 1, "four busy neighbours": 4}


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    repeats: int
    clips: int  # of (a)
    batches: int  # of 64, rendered in a turn of (b)
    examples: int  # rendered in a turn of (b) by those who take clips one by one
    batch_size: int  # of (c)
    steps: int  # in a turn of (c)
    growth: tuple[int, ...]  # clips in (e)
    startups: int
    formats: tuple[str, ...] = ("WAV", "Ogg", "MP3")  # of (a)
    rates: tuple[int, ...] = (22_050, 48_000)  # Hz, of (a), besides the 44,100 of the features
    base: int = 400  # clips that the larger sets are linked to
    epochs: int = 10  # of (d)
    fold_epochs: int = 3  # of (h)
    threads: bool = True  # whether (c) tries how they wait
    libraries: tuple[str, ...] = tuple(WAVEFORM_LIBRARIES)  # of (b)


FASTEST = ("librosa offline", "audiomentations")  # what is published, and the fastest of the rest
QUICK = Sizes(2, 24, 1, 1, 32, 2, (), 1, ("WAV",), (), base=50, libraries=FASTEST, threads=False)
DEFAULT = Sizes(5, 120, 4, 16, 64, 7, (400,), 3)
FULL = Sizes(5, 120, 4, 16, 64, 7, (400, 2_000, 20_000, 100_000), 3)


@dataclass(frozen=True)
class Bench:
    """The place and the material of one run; each method measures one part and gives its rows."""

    sizes: Sizes
    scratch: Path
    wav: Path  # base clips, in ESC-50 layout

    def contest(
        self, what: str, who: dict[str, Contestant], repeats: int | None = None
    ) -> dict[str, Outcome]:
        """Let them compete under a progress bar."""
        repeats = repeats or self.sizes.repeats
        with progress_bar(what, repeats * len(who)) as advance:
            return compete(who, repeats, self.scratch, advance)

    def features(self) -> list[dict]:
        """(a) Clips per second from sound files to cached features."""
        n, folder = self.sizes.clips, self.scratch
        sets = {"WAV": link(self.wav, folder / "features_wav", n)}
        for name in self.sizes.formats[1:]:
            suffix = f".{name.lower()}"
            sets[name] = copy_as(self.wav, folder / f"features_{name}", suffix, n)
        who: dict[str, Contestant] = {}
        for name, clips in sets.items():
            cache, npy = folder / f"cache_{name}", folder / f"npy_{name}"
            decode = {"clips": clips, "decode": name != "WAV"}
            who |= {
                f"ours {name}": _features("ours", clips=clips, cache_dir=cache),
                f"published {name}": _features("published", clips=clips, folder=npy),
                f"limit {name}": _features("limit", **decode),
            }
        one = {"clips": sets["WAV"], "cache_dir": folder / "cache_one", "workers": 1}
        who["one thread"] = _features("ours", **one)
        parts = {"clips": sets["WAV"], "cache_dir": folder / "cache_parts"}
        who["a process per core"] = _features("processes", **parts)
        for rate in self.sizes.rates:
            clips = copy_as(self.wav, folder / f"features_{rate}", ".wav", n, rate)
            cache = folder / f"cache_{rate}"
            who[f"{rate}"] = _features("ours", clips=clips, cache_dir=cache)
        done = self.contest("features", who)
        rows = [
            make_row(
                "a",
                f"features from {name}",
                "clips/s",
                done[f"ours {name}"],
                against="librosa + OpenCV, as published",
                other=done[f"published {name}"],
                limit_name="rfft alone" if name == "WAV" else "decoding and rfft alone",
                limit=done[f"limit {name}"],
            )
            for name in sets
        ]
        ours = done["ours WAV"]
        others = {name: done[name] for name in ("one thread", "a process per core")}
        others |= {f"from {rate / 1000:g} kHz": done[f"{rate}"] for rate in self.sizes.rates}
        for against, other in others.items():
            what = "features from WAV"
            rows.append(make_row("a", what, "clips/s", ours, against=against, other=other))
        return rows

    def augmentation(self) -> list[dict]:
        """(b) Milliseconds for an example that is stretched, shifted and noisy."""
        clips, n = self.wav, self.sizes.examples
        who = {
            "ours": Contestant(
                "bench.contestants.augment:ours", _at(clips, batches=self.sizes.batches)
            ),
            "limit": Contestant("bench.contestants.augment:limit", _at(clips, examples=64)),
        }
        for name in self.sizes.libraries:
            worker, optional = WAVEFORM_LIBRARIES[name], name != "librosa offline"
            who[name] = Contestant(
                f"bench.contestants.augment:{worker}", _at(clips, examples=n), optional
            )
        done = self.contest("augmentation", who)
        row = partial(make_row, "b", limit_name="one rfft of a clip", limit=done["limit"])
        what = "stretched, shifted, noisy example"
        return [
            row(what, "ms", done["ours"], against=name, other=done[name])
            for name in self.sizes.libraries
        ]

    def training(self) -> list[dict]:
        """(c) Clips per second through training."""
        sizes = self.sizes
        step = {"batch_size": sizes.batch_size, "steps": sizes.steps}
        needed = -(-sizes.batch_size * sizes.steps * 5 // 3) + 10  # three folds of five train
        clips = link(self.wav, self.scratch / "training", needed)
        ours = {"cache_dir": self.scratch / "cache_training", **step}
        done = self.contest(
            "training",
            {
                "ours": _training("ours", clips=clips, augment="none", **ours),
                "published": _training("published", folder=self.scratch / "npy", **step),
                "online": _training("ours", clips=clips, augment="online", **ours),
                "limit": Contestant("bench.contestants.step:bare", step),
            },
        )
        row = partial(make_row, "c", limit_name="network step alone", limit=done["limit"])
        beside_published = partial(row, against="published loop", other=done["published"])
        beside_plain = partial(row, against="ours, not augmented", other=done["ours"])
        return [
            beside_published("training", "clips/s", done["ours"]),
            beside_published("training, online", "clips/s", done["online"]),
            beside_plain("training, online", "clips/s", done["online"]),
            *(self.threads(step) if sizes.threads else []),
        ]

    def threads(self, step: dict) -> list[dict]:
        """(c) How threads that wait for one another fare, alone and beside busy neighbours.

        Ours is what train.py does: they look for a little while, then sleep.
        """
        rows = []
        for name, neighbours in NEIGHBOURS.items():
            settings = {**step, "steps": 2, "neighbours": neighbours}
            who = {
                f"{name}, {how}": Contestant("bench.contestants.step:bare", settings, env=env)
                for how, env in THREADS.items()
            }
            done = self.contest(f"threads, {name}", who)
            ours, *others = done
            rows += [
                make_row(
                    "c",
                    f"threads, {name}",
                    "clips/s",
                    done[ours],
                    against=other.removeprefix(f"{name}, "),
                    other=done[other],
                )
                for other in others
            ]
        return rows

    def growth(self) -> list[dict]:
        """(e) Features and training on ever larger sets, against the smallest."""
        rows, smallest = [], None
        for n in self.sizes.growth:
            outcomes = self._at_size(n)
            smallest = smallest or outcomes
            for what, unit in GROWTH.items():
                against, other = "", Outcome()
                if outcomes is not smallest:
                    against, other = f"{self.sizes.growth[0]:,} clips", smallest[what]
                name = f"{what}, {n:,} clips"
                rows.append(make_row("e", name, unit, outcomes[what], against=against, other=other))
        return rows

    def check_room(self) -> None:
        """Refuse to begin what (e) would fill the disk with."""
        check_space(self.scratch, max(self.sizes.growth), CACHED_BYTES)

    def _at_size(self, n: int) -> dict[str, Outcome]:
        folder, cache = self.scratch / f"growth{n}", self.scratch / f"cache_growth{n}"
        link(self.wav, folder, n)
        repeats = max(1, min(self.sizes.repeats, 4_000 // n))
        here = {"clips": folder, "cache_dir": cache}
        build, again = _features("ours", **here), _features("reopen", **here)
        compare = _features("compare", **here)
        done = self.contest(f"{n:,} clips", {"cache build": build}, repeats)
        done |= self.contest(f"{n:,} clips, again", {"opening the cache": again})
        done |= self.contest(f"{n:,} clips, checksums", {"of it, checksums": compare})
        step = {"batch_size": self.sizes.batch_size, "steps": self.sizes.steps}
        online = _training("ours", augment="online", **here, **step)
        done |= self.contest(f"training on {n:,}", {"training, online": online})
        shutil.rmtree(cache)
        shutil.rmtree(folder)
        return done


GROWTH = {
    "cache build": "clips/s",
    "opening the cache": "s",
    "of it, checksums": "s",
    "training, online": "clips/s",
}


def _features(function: str, **settings: object) -> Contestant:
    return Contestant(f"bench.contestants.features:{function}", settings)


def _training(function: str, **settings: object) -> Contestant:
    return Contestant(f"bench.contestants.training:{function}", settings)


def _at(clips: Path, **settings: object) -> dict:
    return {"clips": clips, **settings}
