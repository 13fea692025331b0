"""Chinese and English side by side: a text that a person sees is a `Text`, never a bare string.

Staff read Chinese first, so `zh` is the fallback when no language is chosen on a page; on the command line the
language comes from LINLI_LANGUAGE, then from the locale of the shell.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Language(StrEnum):
    """A language that every text exists in."""

    ZH = "zh"
    EN = "en"


@dataclass(frozen=True, slots=True)
class Text:
    """One text in both languages. Format fields (`{name}`) are filled by `format`, in both at once."""

    zh: str
    en: str

    def of(self, language: str) -> str:
        """The text in `language` ('zh' or 'en'); any other word gives Chinese."""
        return self.en if language == Language.EN else self.zh

    def format(self, **facts: object) -> "Text":
        """Both texts with their fields filled. A fact that is itself a Text is filled in the matching language."""

        def pick(language: str) -> dict[str, object]:
            return {k: v.of(language) if isinstance(v, Text) else v for k, v in facts.items()}

        return Text(zh=self.zh.format(**pick("zh")), en=self.en.format(**pick("en")))

    def __str__(self) -> str:
        return self.of(shell_language())


def shell_language(environ: Mapping[str, str] | None = None) -> Language:
    """The language of the person at the terminal: LINLI_LANGUAGE, else LC_ALL, LC_MESSAGES or LANG, else English."""
    env = os.environ if environ is None else environ
    for name in ("LINLI_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = env.get(name, "").strip().lower()
        if value:
            return Language.ZH if value.startswith("zh") else Language.EN
    return Language.EN


def preferred_language(header: str) -> str | None:
    """What an Accept-Language header (RFC 9110, 12.5.4) prefers of the two languages; None if it names neither."""
    best, weight = None, 0.0
    for part in header.lower().split(",")[:20]:
        tag, _, parameter = part.strip().partition(";")
        name, _, value = parameter.strip().partition("=")
        try:
            quality = float(value) if name.strip() == "q" else 1.0
        except ValueError:
            continue
        language = tag.strip()[:2]
        if language in ("zh", "en") and quality > weight:
            best, weight = language, quality
    return best
