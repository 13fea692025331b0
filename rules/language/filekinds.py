"""What a YAML file about rules is - a rule, overrides, tests - told by what is in it, so that one in the wrong place is called by
its name. No I/O."""

from enum import StrEnum

from linli.i18n import Text
from linli.yamlfile import Source


class Written(StrEnum):
    """What a file is; `OTHER` where that cannot be told."""

    RULE = "rule"
    OVERRIDES = "overrides"
    TESTS = "tests"
    OTHER = "other"


_NAMES = {
    Written.RULE: Text("规则文件", "a rule"),
    Written.OVERRIDES: Text("覆盖文件", "a list of overrides"),
    Written.TESTS: Text("测试文件", "a file of tests"),
}
_INSTEAD = {
    Written.RULE: Text(
        "它放在规则目录里，用 linli rules check 检查",
        "it belongs in the folder of rules; check it with linli rules check",
    ),
    Written.OVERRIDES: Text(
        "它放在规则旁边的 overrides 目录，或设置 rules_overrides 的目录里；用 linli rules check 检查",
        "it belongs in the folder overrides beside the rules, or in that of the setting rules_overrides; check it with linli rules "
        "check",
    ),
    Written.TESTS: Text(
        "它放在规则旁边的 tests 目录里，用 linli rules test 运行",
        "it belongs in the folder tests beside the rules; run it with linli rules test",
    ),
}


def kind_of(source: Source) -> Written:
    """What the file is."""
    value = source.value
    if isinstance(value, list):
        named = any(isinstance(item, dict) and "rule" in item for item in value)
        return Written.OVERRIDES if named else Written.OTHER
    if isinstance(value, dict) and "tests" in value:
        return Written.TESTS
    if isinstance(value, dict) and ("when" in value or {"id", "title"} <= set(value)):
        return Written.RULE
    return Written.OTHER


def require(source: Source, wanted: Written) -> None:
    """ConfigError for a file that is plainly another one than the wanted, saying what belongs where."""
    kind = kind_of(source)
    if kind in (wanted, Written.OTHER):
        return
    name, expected, instead = _NAMES[kind], _NAMES[wanted], _INSTEAD[kind]
    raise source.fault(
        Text(f"这是{name.zh}，不是{expected.zh}：{instead.zh}", f"this is {name.en}, not {expected.en}: {instead.en}")
    )
