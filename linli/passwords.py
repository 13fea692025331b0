"""What a password must be, by rules that a person can be told. Decides only: no I/O.

ASVS 5.0, 6.2 asks for a length, and for the common ones to be refused; not for a capital, a digit and a sign, which make
passwords worse (NIST SP 800-63B, appendix A). A list of common passwords goes stale and is large, so this refuses what makes
them common instead: what is left of one once known words, names and runs of the keyboard are taken out is too little.
"""

import unicodedata
from collections.abc import Iterable

from linli.i18n import Text

MIN_LENGTH = 10
MAX_LENGTH = 200
"""In characters. ASVS 6.2.9 wants at least 64 to be allowed; a bound is needed, for hashing takes as long as its input is."""

MIN_DIFFERENT = 5
MIN_LEFT = 5
"""Characters that must be left once everything that is easily guessed is taken out."""

_PRODUCT = ("linli", "邻里")
_KNOWN = """
administrator admin root guest user login test demo manager security guard office service support system server
password passwd passphrase passwort secret private secure access letmein changeme welcome hello default master
iloveyou loveyou princess sunshine superman batman football baseball dragon monkey shadow michael jennifer
trustno qwerty qazwsx asdf zxcv whatever computer internet windows samsung google flower freedom starwars
woaini woaiwojia 5201314 1314520 520 1314 mima huanying beijing shanghai zhongguo china wuye baoan anquan shequ xiaoqu
guanliyuan january february march april june july august september october november december
monday tuesday wednesday thursday friday saturday sunday spring summer autumn winter 密码 管理员 物业 小区
"""
_WORDS = tuple(sorted(_KNOWN.split(), key=len, reverse=True))
_RUNS = (
    "01234567890",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
    "qazwsxedcrfvtgbyhnujm",
    "1q2w3e4r5t6y7u8i9o0p",
)
_SHORTEST_RUN = 3
_SPELT = str.maketrans({"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s", "!": "i"})


def fault_of(password: str, names: Iterable[str] = ()) -> Text | None:
    """Why this password is not taken; None if it is. `names`: of the account, which may not make it up."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        bounds = f"{MIN_LENGTH}-{MAX_LENGTH}"
        return Text(f"密码须为 {bounds} 个字符", f"a password has {bounds} characters")
    plain = unicodedata.normalize("NFKC", password).casefold()
    if len(set(plain)) < MIN_DIFFERENT or len(_left(plain, names)) < MIN_LEFT:
        return Text(
            "这个密码太容易猜到：不要用常见的词、键盘上相邻的键、用户名或产品名；几个不相干的词连起来就很好",
            "this password is easily guessed: no common words, runs of keys, account or product names; "
            "a few words that have nothing to do with each other do well",
        )
    return None


def _left(plain: str, names: Iterable[str]) -> str:
    """What is left once words, names, runs and repeats are taken out; of the reading that leaves least."""
    known = [*sorted((name.casefold() for name in names if len(name) > 2), key=len, reverse=True), *_PRODUCT, *_WORDS]
    return min((_without(reading, known) for reading in (plain, plain.translate(_SPELT))), key=len)


def _without(text: str, known: Iterable[str]) -> str:
    for word in known:
        text = text.replace(word, " ")
    text = _without_runs(text)
    kept = [letter for before, letter in zip(" " + text, text, strict=False) if letter.isalnum() and letter != before]
    return "".join(kept)


def _without_runs(text: str) -> str:
    """Without what lies in a row on a keyboard or in the alphabet, either way."""
    rows = [row for run in _RUNS for row in (run, run[::-1])]
    out, at = "", 0
    while at < len(text):
        longest = _SHORTEST_RUN - 1
        while at + longest < len(text) and any(text[at : at + longest + 1] in row for row in rows):
            longest += 1
        if longest >= _SHORTEST_RUN:
            out, at = out + " ", at + longest
        else:
            out, at = out + text[at], at + 1
    return out
