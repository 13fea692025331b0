"""The rules killed at random moments of a simulated day: what becomes of every alert is what it would have been without."""

import os
import random
from pathlib import Path

import pytest

from linli.clock import HOUR, SystemClock
from tests.faults.rulesday import by_event_time, script
from tests.faults.rulesprocess import Lived
from tests.faults.rulesworld import Killer, Life, killing
from tests.integration.rules_world import broker

SITE_RULES = Path(__file__).parents[1] / "unit" / "rules" / "site_rules"

SEEDS = range(int(os.environ.get("LINLI_KILL_SEEDS", "1")))
"""Days, each with KILLS kills of a worker in this process, and one with PROCESS_KILLS of a process."""

KILLS = int(os.environ.get("LINLI_KILLS", "20"))
PROCESS_KILLS = int(os.environ.get("LINLI_PROCESS_KILLS", "4"))


__all__ = ["broker"]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_day_among_kills_is_the_day_without(tmp_path: Path, seed: int) -> None:
    """The same transitions in the same order, and the same state at the end. Dying is an exception here that nothing catches,
    at a random point of the code: with half a batch or half a snapshot on the disk, too."""
    steps = KILLS * 4
    written = script(seed, steps, SITE_RULES)
    whole = Life(tmp_path / "whole", written)
    whole.live()
    rng = random.Random(seed)
    killer = Killer(rng, KILLS, every=max(1, steps // KILLS))
    broken = Life(tmp_path / "broken", written)
    with killing(killer):
        broken.live()
    assert killer.left == 0
    assert broken.log == whole.log
    assert broken.state == whole.state
    assert len(whole.log) > steps // 4
    assert {"point", "torn", "apply", "snapshot"} >= set(killer.kinds)
    whole.end()
    broken.end()


@pytest.mark.integration
def test_a_day_of_a_process_among_kills_is_the_day_without(tmp_path: Path, broker: int) -> None:
    """`python -m rules` with a real broker, killed with -9 whenever it may be. The day lies behind, so that the server's clock has
    no part in it: reminders, shelving and arming are left to the test above."""
    origin = SystemClock().now() - 20 * HOUR
    written = by_event_time(script(7, PROCESS_KILLS * 8, SITE_RULES, origin))
    logs = []
    for name, kills in (("whole", 0), ("broken", PROCESS_KILLS)):
        lived = Lived(tmp_path / name, broker, written, origin)
        try:
            lived.live(kills, random.Random(7))
            assert lived.deaths == kills
            logs.append(lived.log)
        finally:
            lived.end()
    assert logs[1] == logs[0]
    assert len(logs[0]) > PROCESS_KILLS
