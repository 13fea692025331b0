"""What types alone cannot say of a reading clause: its number, its one limit, and the reset that goes with it."""

import math

from linli.vocabulary import QUANTITIES
from rules.language.expression import Expression, ExpressionError, Quantity, parse, places, quantities
from rules.language.faults import Path, blame, known, lasts, one_of, positive
from rules.language.model import Normal, ReadingClause, Rule

UPWARDS = ("above", "at_least")
LIMITS = (*UPWARDS, "below", "at_most", "outside", "normal")
RESETS = ("reset_below", "reset_above", "reset_inside")
MAX_SAMPLES = 1000


def check_reading(rule: Rule, part: ReadingClause, by: str, path: Path, *, alone: bool = True) -> None:
    """Fault for the first thing that is wrong with a reading clause of `rule` at `path`, whose memory is `by`.

    Not `alone`: within `all`, where a place may well have one device that measures this beside others that do not.
    """
    _number(rule, part, by, path)
    if alone:
        _one_device(part, by, path)
    limits = [name for name in LIMITS if getattr(part, name) is not None]
    if len(limits) != 1:
        blame(
            f"reading 需要且只能有 {'、'.join(LIMITS)} 之一", f"a reading has exactly one of {', '.join(LIMITS)}", path
        )
    _finite(part, path)
    lasts(part.hold, (*path, "for"))
    lasts(part.keep, (*path, "keep"))
    positive(part.fresh, (*path, "fresh"))
    if not 1 <= part.samples <= MAX_SAMPLES:
        blame(f"samples 应在 1 到 {MAX_SAMPLES} 之间", f"samples lies between 1 and {MAX_SAMPLES}", (*path, "samples"))
    _range(part, path)
    _normal(part.normal, (*path, "normal"))
    _which_reset(part, limits[0], path)
    _reset(part, limits[0], path)
    _fades(part, path)


def _number(rule: Rule, part: ReadingClause, by: str, path: Path) -> None:
    """The number is a quantity or an expression, and of one device unless the expression says what it is of several."""
    if bool(part.quantity) == (part.value is not None):
        blame("reading 需要且只能有 quantity、value 之一", "a reading has exactly one of quantity, value", path)
    tree = Quantity(part.quantity) if part.value is None else _parsed(part.value, (*path, "value"))
    here = (*path, "quantity" if part.value is None else "value")
    named = quantities(tree)
    if not named:
        blame("表达式里没有物理量，永远是同一个数", "it names no quantity and is always the same number", here)
    for name in named:
        known(name, QUANTITIES, rule.declares, here)
        unit = QUANTITIES[name].unit if name in QUANTITIES else part.unit
        if part.unit is not None and part.unit != unit:
            blame(f"{name} 的单位是 {unit}", f"{name} is measured in {unit}", (*path, "unit"))
    if places(tree) and by == "device":
        blame(
            "place.… 是几台设备的值：在条件里加上 by: place（或 building、community）",
            "place.... is of several devices: put by: place (or building, community) beside the reading",
            here,
        )


def _one_device(part: ReadingClause, by: str, path: Path) -> None:
    """With a memory of several devices, what of one that is well while another is not?"""
    tree = Quantity(part.quantity) if part.value is None else parse(part.value)
    if by == "device" or places(tree) or part.fades is not None:
        return
    name = quantities(tree)[0]
    blame(
        f"by: {by} 时一台设备的正常读数会结束另一台的告警：用 place.max({name}) 之类，或 fades",
        f"with by: {by} one device's good reading would end another's alert: use place.max({name}) or the like, or fades",
        (*path, "quantity" if part.value is None else "value"),
    )


def _parsed(text: str, path: Path) -> Expression:
    try:
        return parse(text)
    except ExpressionError as error:
        blame(f"第 {error.column} 个字符：{error.text.zh}", f"at character {error.column}: {error.text.en}", path)


def _finite(part: ReadingClause, path: Path) -> None:
    """A number such as 1e999 is none."""
    for name in (*LIMITS, *RESETS):
        value = part.normal.sigmas if name == "normal" and part.normal is not None else getattr(part, name)
        numbers = value if isinstance(value, tuple) else (value,)
        if not all(number is None or math.isfinite(number) for number in numbers):
            blame(f"{name} 不是有限的数", f"{name} is not a finite number", (*path, name))


def _range(part: ReadingClause, path: Path) -> None:
    for name in ("outside", "reset_inside"):
        pair: tuple[float, float] | None = getattr(part, name)
        if pair is not None and pair[0] >= pair[1]:
            blame(f"{name} 要先小后大", f"{name} is [lower, upper]", (*path, name))
    if part.outside is None or part.reset_inside is None:
        return
    if part.reset_inside[0] < part.outside[0] or part.reset_inside[1] > part.outside[1]:
        blame(
            "reset_inside 超出了 outside 的范围，告警会立刻解除",
            "reset_inside goes beyond outside: the alert would be over at once",
            (*path, "reset_inside"),
        )


def _normal(part: Normal | None, path: Path) -> None:
    if part is None:
        return
    if part.sigmas <= 0:
        blame("sigmas 必须大于零", "sigmas must be more than zero", (*path, "sigmas"))
    positive(part.learn, (*path, "learn"))
    one_of(part.by, ("hour", "always"), (*path, "by"))


def _which_reset(part: ReadingClause, limit: str, path: Path) -> None:
    right = {"outside": "reset_inside", "normal": ""}.get(limit, "reset_below" if limit in UPWARDS else "reset_above")
    for name in RESETS:
        if name == right or getattr(part, name) is None:
            continue
        if right:
            blame(f"此阈值要用 {right}，不是 {name}", f"this limit wants {right}, not {name}", (*path, name))
        blame(f"normal 没有 {name}，请用 keep", f"normal takes no {name}; use keep", (*path, name))


def _reset(part: ReadingClause, limit: str, path: Path) -> None:
    name = "reset_below" if limit in UPWARDS else "reset_above"
    reset: float | None = getattr(part, name)
    if reset is None:
        return
    if reset > part.threshold if limit in UPWARDS else reset < part.threshold:
        blame(
            f"{name} {reset:g} 在阈值 {part.threshold:g} 的另一侧，告警会立刻解除",
            f"{name} {reset:g} is on the wrong side of the limit {part.threshold:g}: the alert would be over at once",
            (*path, name),
        )


def _fades(part: ReadingClause, path: Path) -> None:
    if part.fades is None:
        return
    positive(part.fades, (*path, "fades"))
    for name in (*RESETS, "keep"):
        if getattr(part, name) not in (None, "0s"):
            blame(
                f"有 fades 时正常读数不结束告警，{name} 不起作用，二者留一",
                f"with fades no reading ends it, so {name} says nothing: keep one of them",
                (*path, name),
            )
