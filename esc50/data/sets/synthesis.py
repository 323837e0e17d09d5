"""Synthesised environmental sound: ten ESC-50 classes from noise, resonances and rhythms.

Each class is a function of two random generators: `source` draws what a recording is (this dog,
this rain), `take` what differs from one clip of it to the next. The order of the draws from
`source` never depends on `take`, so all takes of a source agree.
"""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from scipy import fft

RATE = 44_100  # Hz
SAMPLES = 5 * RATE
FREQUENCIES = np.maximum(np.fft.rfftfreq(SAMPLES, 1 / RATE), 0.1).astype(np.float32)  # Hz
TIME = np.arange(SAMPLES) / RATE  # seconds


def dog(source: Generator, take: Generator) -> np.ndarray:
    """Barks: a short falling voice through two formants, with breath noise."""
    pitch, formant, gap = source.uniform(300, 800), source.uniform(700, 1600), _uneven(source, 0.3)
    length, breath = source.uniform(0.1, 0.22), source.uniform(0.1, 0.8)

    def bark() -> np.ndarray:
        t = np.arange(int(length * take.uniform(0.8, 1.2) * RATE)) / RATE
        arc = pitch * take.uniform(0.93, 1.07) * (0.7 + 0.5 * np.sin(np.pi * t / t[-1]))
        phase = 2 * np.pi * np.cumsum(arc) / RATE
        voice = _harmonics(phase, 1 / (1 + ((np.arange(1, 12) * pitch - formant) / 500) ** 2))
        voice += breath * take.standard_normal(t.size) * 0.5
        return voice * (1 - np.exp(-t / 0.006)) * np.exp(-3 * t / t[-1])

    return _events(bark, _rhythm(take, gap, 0.3))


def frog(source: Generator, take: Generator) -> np.ndarray:
    """Croaks: trains of 25 to 60 pulses per second, each ringing one vocal resonance."""
    rate, carrier = source.uniform(25, 60), source.uniform(600, 2000)
    length, gap = source.uniform(0.12, 0.6), _uneven(source, 0.5)

    def croak() -> np.ndarray:
        count = max(3, int(length * rate * take.uniform(0.8, 1.2)))
        tuned = carrier * take.uniform(0.95, 1.05)
        swell = np.sin(np.pi * (np.arange(count) + 0.5) / count)
        pulse = _ring(tuned, 0.008) + 0.4 * _ring(2.1 * tuned, 0.004)
        sound = np.zeros(int(count / rate * RATE) + pulse.size + RATE // 100)
        for k in range(count):
            _add(sound, swell[k] * pulse, (k + take.uniform(0, 0.08)) / rate)
        return sound

    return _events(croak, _rhythm(take, length + gap, 0.2))


def rain(source: Generator, take: Generator) -> np.ndarray:
    """A hiss of countless drops, and near drops that ring on what they hit."""
    hiss = _noise(take, source.uniform(600, 2500), source.uniform(5000, 14000))
    sound = source.uniform(0.2, 0.6) * hiss
    for _ in range(3):
        rate, tone, decay = (
            source.uniform(20, 200),
            source.uniform(1200, 8000),
            source.uniform(0.001, 0.006),
        )
        drops = np.zeros(SAMPLES)
        where = take.integers(0, SAMPLES, take.poisson(5 * rate))
        drops[where] = take.exponential(1.0, where.size)
        sound += _convolve(drops, _ring(tone, decay, 0.05))
    return sound


def sea_waves(source: Generator, take: Generator) -> np.ndarray:
    """Swells of low rumble that break into bright hiss every few seconds."""
    period, sharp, bright = source.uniform(2.5, 7), source.uniform(1, 4), source.uniform(0.3, 1.5)
    rumble = _noise(take, 40, source.uniform(300, 800))
    hiss = _noise(take, source.uniform(500, 1200), source.uniform(3000, 9000))
    phase = 2 * np.pi * (TIME / period / take.uniform(0.9, 1.1) + take.uniform())
    swell = (0.5 + 0.5 * np.sin(phase + 0.5 * np.sin(phase))) ** sharp
    return (0.15 + swell) * rumble + bright * (0.08 + swell**1.5) * hiss


def breathing(source: Generator, take: Generator) -> np.ndarray:
    """Noise drawn in and let out through two different mouth shapes, with rests."""
    period, inhaling = source.uniform(1.4, 3.6), source.uniform(0.35, 0.5)
    centre, ratio, loud = (
        source.uniform(700, 2200),
        source.uniform(0.4, 0.8),
        source.uniform(0.4, 1),
    )
    cycle = (TIME / period / take.uniform(0.92, 1.08) + take.uniform()) % 1
    breath_in = np.sin(np.pi * np.clip(cycle / (inhaling * 0.85), 0, 1)) ** 1.5
    breath_out = np.sin(np.pi * np.clip((cycle - inhaling) / ((1 - inhaling) * 0.8), 0, 1)) ** 1.5
    inward = _noise(take, 0.6 * centre, 1.8 * centre, 2)
    outward = _noise(take, 0.5 * ratio * centre, 1.6 * ratio * centre, 2)
    return loud * breath_in * inward + breath_out * outward


def footsteps(source: Generator, take: Generator) -> np.ndarray:
    """Steps of two feet: a thud of the ground, then the crunch of the surface."""
    gap, thud, decay = (
        source.uniform(0.35, 0.75),
        source.uniform(60, 170),
        source.uniform(0.02, 0.06),
    )
    low, high = source.uniform(300, 1500), source.uniform(3000, 9000)
    crunch, roll = source.uniform(0.2, 1.5), source.uniform(0.03, 0.12)
    gravel = _noise(take, low, high)

    def step() -> np.ndarray:
        sound = np.zeros(int(0.45 * RATE))
        for delay, force in ((0.0, 1.0), (roll, take.uniform(0.3, 0.7))):
            _add(sound, force * _ring(thud * take.uniform(0.9, 1.1), decay, 0.3), delay)
            begin = take.integers(0, SAMPLES - RATE)
            scuff = gravel[begin : begin + int(0.25 * RATE)]
            fall = np.exp(-np.arange(scuff.size) / RATE / (0.7 * decay + 0.01))
            _add(sound, force * crunch * 0.5 * scuff * fall, delay)
        return sound

    return _events(step, _rhythm(take, gap, 0.05))


def vacuum_cleaner(source: Generator, take: Generator) -> np.ndarray:
    """A motor's harmonics, drifting a little, in a roar of air."""
    motor, air = source.uniform(90, 330), source.uniform(0.5, 2.5)
    weights = source.exponential(1.0, 20) / np.arange(1, 21) ** source.uniform(0.2, 1)
    roar = _noise(take, source.uniform(150, 600), source.uniform(3000, 9000))
    drift = 1 + 0.01 * np.sin(2 * np.pi * (TIME * take.uniform(0.1, 0.5) + take.uniform()))
    phase = 2 * np.pi * np.cumsum(motor * take.uniform(0.97, 1.03) * drift) / RATE
    return air * roar + _harmonics(phase, weights)


def clock_tick(source: Generator, take: Generator) -> np.ndarray:
    """A tick and a slightly lower tock of a few small resonances, strictly in time."""
    gap, lower = source.choice([0.2, 0.25, 0.5, 0.5, 1.0]), source.uniform(0.75, 0.98)
    tones, decays = source.uniform(1500, 7500, 4), source.uniform(0.001, 0.012, 4)
    weights = source.uniform(0.2, 1, 4)
    ticks = [
        sum(w * _ring(f * tune, d, 0.1) for w, f, d in zip(weights, tones, decays, strict=True))
        for tune in (1.0, lower)
    ]
    onsets = np.arange(take.uniform(0, gap), 5, gap)
    sound = np.zeros(SAMPLES)
    for k, onset in enumerate(onsets):
        _add(sound, take.uniform(0.85, 1) * ticks[k % 2], onset)
    return sound


def helicopter(source: Generator, take: Generator) -> np.ndarray:
    """Low noise chopped by the blades at 9 to 24 Hz, under a turbine's whine."""
    blades, edge, whine = source.uniform(9, 24), source.uniform(1, 5), source.uniform(800, 4000)
    chop = 2 * np.pi * (TIME * blades * take.uniform(0.96, 1.04) + take.uniform())
    pulse = np.exp(edge * (np.cos(chop) - 1))
    low = _noise(take, source.uniform(30, 90), source.uniform(250, 1200))
    wash = _noise(take, 300, source.uniform(2000, 6000))
    distance = 1 + source.uniform(0, 0.6) * np.sin(2 * np.pi * (TIME / 8 + take.uniform()))
    turbine = source.uniform(0, 0.12) * np.sin(2 * np.pi * whine * TIME)
    return distance * (pulse * low + (0.1 + 0.3 * pulse) * wash + turbine)


def siren(source: Generator, take: Generator) -> np.ndarray:
    """A horn swept up and down (wail or yelp) or switched between two tones."""
    low, width = source.uniform(400, 850), source.uniform(1.3, 2.6)
    kind, slow = source.integers(3), source.uniform(2, 5)
    weights = source.exponential(1.0, 6) / np.arange(1, 7) + np.eye(6)[0]
    rate = (1 / slow, source.uniform(2, 4), source.uniform(0.5, 1.2))[kind]
    swing = np.sin(2 * np.pi * (TIME * rate * take.uniform(0.95, 1.05) + take.uniform()))
    swing = np.tanh(40 * swing) if kind == 2 else swing
    phase = 2 * np.pi * np.cumsum(low * width ** (0.5 + 0.5 * swing)) / RATE
    return _harmonics(phase, weights) * (1 + 0.3 * np.sin(2 * np.pi * (TIME / 6 + take.uniform())))


# ESC-50's own class names and target numbers, two of each super-category. Of the classes made of
# single events, a recording may end before the clip does, as in ESC-50.
SOUNDS: dict[int, tuple[Callable[[Generator, Generator], np.ndarray], bool]] = {
    0: (dog, True),
    4: (frog, True),
    10: (rain, False),
    11: (sea_waves, False),
    23: (breathing, False),
    25: (footsteps, True),
    36: (vacuum_cleaner, False),
    38: (clock_tick, False),
    40: (helicopter, False),
    42: (siren, False),
}


def record(label: int, source: Generator, take: Generator) -> np.ndarray:
    """Make one clip of a class and record it: room, microphone, background, level, padding.

    Args:
        label: a key of SOUNDS.
        source: a fresh generator that is seeded alike for every take of the source.
        take: a fresh generator of this take.

    Returns:
        int16 (220500,), 5 s at 44.1 kHz.
    """
    make, events = SOUNDS[label]
    wet, decay, tilt = source.uniform(0, 0.5), source.uniform(0.03, 0.15), source.uniform(-0.3, 0.3)
    hush, level = source.uniform(8, 40), source.uniform(-24, -1)  # dB
    ends = source.uniform(1.5, 4.5) if events and source.uniform() < 0.5 else 5.0
    sound = make(source, take)
    tail = take.standard_normal(RATE // 2) * np.exp(-np.arange(RATE // 2) / RATE / decay)
    room = wet * tail / np.linalg.norm(tail)
    room[0] += 1
    sound = _convolve(sound, room, tilt)
    background = _noise(take, 20, 300, 1) * 10 ** (-(hush + take.uniform(-2, 2)) / 20)
    sound = sound / np.sqrt(np.mean(sound**2)) + background
    sound *= np.clip((ends * take.uniform(0.9, 1.0) - TIME) / 0.02, 0, 1) if ends < 5 else 1
    peak = 10 ** ((level + take.uniform(-1, 1) - 1) / 20)
    return np.round(32767 * peak * sound / np.abs(sound).max()).astype(np.int16)


def _noise(rng: Generator, low: float, high: float, order: int = 1) -> np.ndarray:
    """Noise of unit power between two corner frequencies (Hz), 6 dB per octave and order beyond."""
    gain = 1 / np.sqrt(1 + (low / FREQUENCIES) ** (2 * order))
    gain /= np.sqrt(1 + (FREQUENCIES / high) ** (2 * order))
    white = rng.standard_normal(2 * FREQUENCIES.size, dtype=np.float32).view(np.complex64)
    noise = fft.irfft(white * gain, SAMPLES)  # the spectrum of white noise is white noise
    return noise / np.sqrt(np.mean(noise**2))


def _ring(frequency: float, decay: float, length: float = 0.06) -> np.ndarray:
    """A resonance struck once: a sine (Hz) that falls to 1/e in `decay` seconds."""
    t = np.arange(int(length * RATE)) / RATE
    return np.sin(2 * np.pi * frequency * t) * np.exp(-t / decay)


def _harmonics(phase: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sum of weights[k - 1] * sin(k * phase), by Horner's rule on exp(i * phase)."""
    turn = np.exp(1j * phase)
    total = np.zeros_like(turn)
    for weight in weights[::-1]:
        total += weight
        total *= turn
    return total.imag


def _convolve(sound: np.ndarray, response: np.ndarray, tilt: float = 0.0) -> np.ndarray:
    """Convolve, and tilt the spectrum by the power `tilt` of frequency (1 at 1 kHz)."""
    size = fft.next_fast_len(SAMPLES + response.size, real=True)
    spectrum = fft.rfft(sound.astype(np.float32), size)
    spectrum *= fft.rfft(response.astype(np.float32), size)
    if tilt:
        spectrum *= (np.maximum(fft.rfftfreq(size, 1 / RATE), 20) / 1000) ** tilt
    return fft.irfft(spectrum, size)[:SAMPLES]


def _uneven(source: Generator, shortest: float) -> float:
    """A gap between events in seconds, more often short than long."""
    return shortest + source.exponential(0.35)


def _rhythm(take: Generator, gap: float, jitter: float) -> list[float]:
    """Onsets in seconds: about every `gap`, each gap off by up to the fraction `jitter`."""
    onsets = [take.uniform(0, min(gap, 0.6))]
    while onsets[-1] < 5:
        onsets.append(onsets[-1] + gap * take.uniform(1 - jitter, 1 + jitter))
    return onsets[:-1]


def _events(make: Callable[[], np.ndarray], onsets: list[float]) -> np.ndarray:
    sound = np.zeros(SAMPLES)
    for onset in onsets:
        _add(sound, make(), onset)
    return sound


def _add(sound: np.ndarray, event: np.ndarray, onset: float) -> None:
    begin = int(onset * RATE)
    room = sound.size - begin
    sound[begin : begin + event.size] += event[:room]
