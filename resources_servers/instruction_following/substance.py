"""Whether an answer says anything: constraints such as "no commas" hold for an empty text, too.

An answer has to mention what it was asked to mention, in a text of some length that is neither the prompt again, nor a
few words over and over, nor noise.
"""

from collections.abc import Sequence
from itertools import islice
from typing import Final

from resources_servers.instruction_following.languages import share_of_common_words
from resources_servers.instruction_following.numbers import pattern_of
from resources_servers.instruction_following.reading import Text, words_in
from resources_servers.instruction_following.visible import folded, visible

_COPIED_WORDS: Final = 12
"""Words in a row, of one line of the prompt, that nobody repeats by chance."""
_SHORTEST_LINE: Final = 8
"""Words that a line of the prompt must have for its repetition to be seen."""
_LEAST_DISTINCT: Final = 0.35
_DISTINCT_UP_TO: Final = 80
_LEAST_COMMON: Final = 0.06
_LEAST_TO_JUDGE: Final = 20
"""Words below which a text is too short to tell noise from prose."""


def shortcomings(text: Text, *, prompt: str, must_mention: Sequence[Sequence[str]], min_words: int) -> list[str]:
    """What an answer lacks, whatever the constraints say, in words for people; nothing for one that says something.

    Of each entry of `must_mention` one alternative has to occur. For prompts that ask for none of that, only an answer
    that is most of the prompt is taken for a copy.
    """
    words = text.folded_words
    if not words:
        return ["it is empty"]
    found: list[str] = []
    if len(words) < min_words:
        found.append(f"it has {len(words)} words, not {min_words} or more")
    missing = [entry[0] for entry in must_mention if not is_mentioned(text, entry)]
    if missing:
        found.append(f"it does not mention {', '.join(missing)}")
    if _is_copy(words, prompt, must_mention):
        found.append("it repeats the prompt")
    if must_mention and _is_repetitive(words):
        found.append("it says the same few words over and over")
    if must_mention and len(words) >= _LEAST_TO_JUDGE and share_of_common_words(text.visible) < _LEAST_COMMON:
        found.append("it is in no known language")
    return found


def is_mentioned(text: Text, alternatives: Sequence[str]) -> bool:
    """Whether one of the words or numbers occurs; a number may be spelled out in English, or have separators."""
    plain = text.folded.replace("-", " ").replace("_", " ").replace("*", "")
    return any(pattern_of(folded(visible(each))).search(plain) for each in alternatives)


def _is_copy(words: Sequence[str], prompt: str, must_mention: Sequence[Sequence[str]]) -> bool:
    if not must_mention:
        asked = [folded(word) for word in words_in(visible(prompt))]
        shared = _runs(words, _SHORTEST_LINE) & _runs(asked, _SHORTEST_LINE)
        return 2 * len(shared) > max(_SHORTEST_LINE, len(words) - _SHORTEST_LINE)
    for line in visible(prompt).split("\n"):
        said = [folded(word) for word in words_in(line)]
        size = min(_COPIED_WORDS, len(said))
        if size >= _SHORTEST_LINE and _runs(said, size) & _runs(words, size):
            return True
    return False


def _runs(words: Sequence[str], size: int) -> set[tuple[str, ...]]:
    return set(zip(*(islice(words, start, None) for start in range(size)), strict=False))


def _is_repetitive(words: Sequence[str]) -> bool:
    return len(set(words)) < _LEAST_DISTINCT * min(len(words), _DISTINCT_UP_TO)
