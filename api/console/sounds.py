"""The sound of each severity, made by code: short, unlike each other in rhythm and pitch, so that a guard knows by ear."""

import array
import functools
import io
import math
import wave

from linli.model import Severity

RATE = 22_050
"""Samples a second: enough for tones below 2 kHz."""

_FADE_S = 0.012

_NOTES: dict[Severity, tuple[tuple[float, float, float], ...]] = {
    # (frequency in Hz, 0 for silence; seconds; loudness from 0 to 1)
    Severity.CRITICAL: ((880, 0.14, 0.9), (1320, 0.2, 0.9), (0, 0.07, 0)) * 3,
    Severity.HIGH: ((784, 0.16, 0.8), (0, 0.06, 0), (988, 0.26, 0.8)),
    Severity.MEDIUM: ((659, 0.14, 0.6), (523, 0.22, 0.6)),
    Severity.LOW: ((523, 0.16, 0.4),),
}


@functools.cache
def tone(severity: Severity) -> bytes:
    """The severity's sound as a WAV file: 16 bit, mono, RATE samples a second."""
    samples = array.array("h")
    for frequency, seconds, loudness in _NOTES[severity]:
        samples.extend(_note(frequency, seconds, loudness))
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    return out.getvalue()


def _note(frequency: float, seconds: float, loudness: float) -> list[int]:
    count = round(RATE * seconds)
    fade = round(RATE * _FADE_S)  # without it each note begins and ends with a click
    step = 2 * math.pi * frequency / RATE
    return [
        round(
            22_000
            * loudness
            * min(1.0, i / fade, (count - i) / fade)
            * (math.sin(step * i) + 0.2 * math.sin(2 * step * i))
        )
        for i in range(count)
    ]
