"""`linli rules test`: runs test files of rules, and shows where what happened and what was expected part."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from linli.i18n import Text

if TYPE_CHECKING:
    from rich.console import Console

    from rules.language.filekinds import Written
    from rules.trial.comparison import Difference
    from rules.trial.log import Entry
    from rules.trial.plan import Expected, Trial
    from rules.trial.runner import Outcome


def _t(zh: str, en: str) -> str:
    return str(Text(zh, en))


HELP = _t(
    "运行规则的测试文件：给定输入，核对应有的告警变化；有不符则退出状态为 1。",
    "Run test files of rules: given what comes in, compare the changes of alerts; exit status 1 if any is not as expected.",
)

Paths = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[FILE|FOLDER]...",
        help=_t(
            "测试文件或其目录；不写则为规则目录中的 tests",
            "test files or folders of them; none: tests in the folder of rules",
        ),
        show_default=False,
    ),
]
Folder = Annotated[
    Path | None,
    typer.Option(
        "--rules",
        help=_t(
            "规则目录；不写则按设置 rules，未设置时为自带的规则",
            "folder of rules; none: that of the setting rules, or those that come with Linli",
        ),
    ),
]
Verbose = Annotated[
    bool,
    typer.Option("--verbose", "-v", help=_t("也显示通过的测试的全部变化", "show all changes of tests that pass, too")),
]
AsJson = Annotated[bool, typer.Option("--json", help=_t("输出 JSON", "write JSON"))]


def test(paths: Paths = None, rules: Folder = None, verbose: Verbose = False, as_json: AsJson = False) -> None:
    """Run the tests of all files; ConfigError for the first file that is not sound."""
    from rich.console import Console

    from linli.settings import load_settings
    from rules.language.load import CATALOGUE, load_rules
    from rules.trial.reading import read_trial
    from rules.trial.runner import run

    folder = rules or _with_rules(paths or []) or load_settings().rules or CATALOGUE
    known = {rule.id: rule for rule in load_rules(folder)}
    console = Console(highlight=False, soft_wrap=True)
    told: list[dict[str, Any]] = []
    passed = failed = 0
    for file in files_in(paths or [folder / "tests"]):
        trial = read_trial(file, known)
        outcomes = [run(trial, case) for case in trial.cases]
        good = sum(outcome.passed for outcome in outcomes)
        passed, failed = passed + good, failed + len(outcomes) - good
        if as_json:
            told += [document(trial, outcome) for outcome in outcomes]
        else:
            show(console, trial, outcomes, verbose=verbose)
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        said = Text(f"{passed} 项通过，{failed} 项不符", f"{passed} passed, {failed} failed")
        console.print(str(said), style="bold red" if failed else "bold green")
    if failed:
        raise typer.Exit(1)


def files_in(paths: Sequence[Path]) -> list[Path]:
    """The test files that `paths` are, or have in them beside rules and overrides; ConfigError for a path where there is none."""
    from linli.errors import ConfigError
    from rules.language.filekinds import Written

    found: list[Path] = []
    for path in paths:
        files = _yaml_below(path) if path.is_dir() else [path]
        kinds = {file: _kind(file) for file in files} if path.is_dir() else {}
        tests = [file for file in files if kinds.get(file) not in (Written.RULE, Written.OVERRIDES)]
        if not tests and files:
            raise ConfigError(
                Text(
                    "目录中只有规则或覆盖，没有测试文件（含 tests: 的 *.yaml）。要检查它们：linli rules check",
                    "the folder has rules or overrides, and no test file (*.yaml with tests:). To check them: linli rules check",
                ),
                file=path,
            )
        if not tests:
            raise ConfigError(Text("目录中没有 *.yaml 测试文件", "the folder has no test file *.yaml"), file=path)
        found += tests
    return list(dict.fromkeys(found))


def _with_rules(paths: Sequence[Path]) -> Path | None:
    """The first folder of `paths` that has rules right in it: its tests mean those."""
    from rules.language.filekinds import Written
    from rules.language.load import yaml_files

    folders = (path for path in paths if path.is_dir())
    return next((path for path in folders if any(_kind(file) is Written.RULE for file in yaml_files(path))), None)


def _yaml_below(folder: Path) -> list[Path]:
    return sorted((*folder.rglob("*.yaml"), *folder.rglob("*.yml")))


def _kind(file: Path) -> "Written | None":
    """None for a file that cannot be read: who reads it as a test says why."""
    from linli.errors import ConfigError
    from linli.yamlfile import open_source
    from rules.language.filekinds import kind_of

    try:
        return kind_of(open_source(file))
    except ConfigError:
        return None


# --- for people -----------------------------------------------------------------------------------------------------


def show(console: "Console", trial: "Trial", outcomes: Sequence["Outcome"], *, verbose: bool = False) -> None:
    """Print how the tests of one file went: a line each, and the comparison of those that failed."""
    from rich.text import Text as Styled

    console.print(Styled(str(trial.file), style="bold"))
    for outcome in outcomes:
        word = Text("通过", "ok") if outcome.passed else Text("不符", "FAILED")
        style = "green" if outcome.passed else "bold red"
        line = Styled("  ").append(str(word), style=style).append(f"  {outcome.case.name}")
        if not outcome.passed:
            line.append(f"  ({trial.file.name}:{outcome.case.line})", style="dim")
        console.print(line)
        if verbose or not outcome.passed:
            for shown, how in lines(outcome, several=len(trial.rules) > 1):
                console.print(Styled(f"      {shown}", style=how))
            if not outcome.log and not outcome.differences:
                console.print(Styled("      " + _t("没有变化", "nothing happened"), style="dim"))


def lines(outcome: "Outcome", *, several: bool) -> Iterator[tuple[str, str]]:
    """The comparison line by line, with the style of each: '-' was expected, '+' happened instead. `several`: name the rule."""
    for difference in outcome.differences:
        if difference.happened is not None:
            sign, style = (" ", "") if difference.same else ("+", "red")
            yield f"{sign} {_happened(difference.happened, several=several)}", style
        elif difference.expected is not None:
            yield f"- {_expected(difference.expected)}", "yellow"
    if not outcome.passed:
        yield _t("（- 应有而没有，+ 有而不应有）", "(- expected and missing, + happened and not expected)"), "dim"


def _happened(entry: "Entry", *, several: bool) -> str:
    from rules.trial.script import written

    parts = [f"{written(entry.at):>8}", f"{entry.kind}: {entry.subject}"]
    parts += [f"rule: {entry.rule}"] if several else []
    parts += [f"severity: {entry.severity.value}"] if entry.severity else []
    parts += [f"occurrences: {entry.occurrences}"] if entry.occurrences > 1 else []
    parts += [f"by: {entry.by}"] if entry.by else []
    return "  ".join([*parts, entry.outcome or str(entry.sentence)])


def _expected(expected: "Expected") -> str:
    from rules.trial.script import written

    more = expected.more
    parts = [f"{written(expected.at):>8}", f"{expected.kind}: {expected.subject}"]
    for name in ("rule", "severity", "occurrences", "by", "says"):
        value = getattr(more, name)
        parts += [f"{name}: {value}"] if value is not None else []
    return "  ".join(parts)


# --- for programs ---------------------------------------------------------------------------------------------------


def document(trial: "Trial", outcome: "Outcome") -> dict[str, Any]:
    """How one test went, as JSON."""
    return {
        "file": str(trial.file),
        "line": outcome.case.line,
        "test": {"zh": outcome.case.name.zh, "en": outcome.case.name.en},
        "passed": outcome.passed,
        "log": [_line(difference) for difference in outcome.differences],
    }


def _line(difference: "Difference") -> dict[str, Any]:
    from rules.trial.script import written

    happened, expected = difference.happened, difference.expected
    if happened is None and expected is not None:
        return {"at": written(expected.at), expected.kind: expected.subject, "happened": False, "expected": True}
    if happened is None:
        return {}
    return {
        "at": written(happened.at),
        happened.kind: happened.subject,
        "rule": happened.rule,
        "severity": happened.severity.value if happened.severity else None,
        "occurrences": happened.occurrences,
        "by": happened.by,
        "sentence": {"zh": happened.sentence.zh, "en": happened.sentence.en},
        "happened": True,
        "expected": expected is not None,
    }
