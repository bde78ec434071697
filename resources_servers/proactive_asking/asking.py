"""Understanding a question: which facts does a message ask for? What a scripted customer listens with.

A message is read clause by clause. Clauses that repeat what is known ("since you told me the date, …") ask for nothing.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from polygym.kit.answers import readable
from resources_servers.proactive_asking.facts import NUMBER_WORDS, Fact

LISTENS_TO: Final = 4000
"""Characters at the end of a message that the customer listens to."""


class Question(NamedTuple):
    """What a message asks the customer."""

    wanted: frozenset[str]
    """Facts asked for that have not been told yet."""
    known: frozenset[str]
    """Facts asked for that the customer has told, or that the profile holds."""
    is_asked: bool
    """Whether it asks anything at all."""


def understand(text: str, kinds: Mapping[str, str], facts: Mapping[str, Fact], untold: Iterable[str]) -> Question:
    """What `text` asks for. `kinds` are the errand's facts and the kind of each; `untold` ones are not known yet."""
    open_facts = frozenset(untold)
    wanted: set[str] = set()
    known: set[str] = set()
    is_asked = False
    for sentence, clauses in _questions(readable(text)[-LISTENS_TO:].lower()):
        is_asked = True
        named = _named(clauses, kinds, open_facts)
        wanted |= named & open_facts
        known |= {name for name in named - open_facts if not _says(sentence, facts[name])}
    return Question(frozenset(wanted), frozenset(known), is_asked)


def _named(clauses: list[str], kinds: Mapping[str, str], untold: frozenset[str]) -> set[str]:
    named = {name for name, kind in kinds.items() if any(NAMED_BY[kind].search(clause) for clause in clauses)}
    moments = [name for name, kind in kinds.items() if kind in _MOMENTS]
    if moments and not named.intersection(moments) and any(_WHEN.search(clause) for clause in clauses):
        named |= set(moments) & untold or set(moments[:1])
    return named


def _questions(text: str) -> Iterator[tuple[str, list[str]]]:
    """The sentences of a message that ask something, with the clauses that do."""
    lists_wishes = False
    for line in text.split("\n"):
        if not line.strip():
            continue
        if _ITEM.match(line):
            if lists_wishes and not _KNOWN.search(line):
                yield line, [line]
                continue
        else:
            lists_wishes = False
        for sentence in _SENTENCE_END.split(line):
            clauses = _asking_clauses(sentence)
            if clauses:
                yield sentence, clauses
                lists_wishes = sentence.rstrip(_TRIMMED).endswith(":")


def _asking_clauses(sentence: str) -> list[str]:
    clauses = [clause for clause in _CLAUSE_END.split(sentence) if clause.strip()]
    cues = [_cue(clause) for clause in clauses]
    is_question = sentence.rstrip(_TRIMMED).endswith("?")
    asks = is_question and not any(cues)
    found = []
    for clause, cue in zip(clauses, cues, strict=True):
        if cue:
            asks = True
        elif _KNOWN.search(clause):
            asks = False
        if asks:
            found.append(clause)
    return found


def _cue(clause: str) -> bool:
    """Whether a clause begins to ask: it has such a word, and not only after saying what is known."""
    cue = (_NEED if _OWN_PLAN.match(clause) else _CUE).search(clause)
    known = _KNOWN.search(clause)
    return cue is not None and (known is None or cue.start() < known.start()) and not _SUMMARY.search(clause)


def _says(sentence: str, fact: Fact) -> bool:
    """Whether a sentence holds the fact itself, so that it does not ask for it."""
    value = fact.value
    if isinstance(value, int) and value < len(NUMBER_WORDS):
        return re.search(rf"\b(?:{value}|{NUMBER_WORDS[value]})\b", sentence) is not None
    return any(form and form in sentence for form in (fact.spoken.lower(), str(value).lower()))


def _any_of(*phrases: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(phrases)})\b")


_HEADS: Final = (
    *("how many", "number of", "head ?count", "(?:party|group) size", "size of (?:the|your) (?:party|group)"),
    *("how (?:big|large)", "guests?", "people", "persons?", "diners?", "passengers?", "travell?ers?", "seats?"),
)
_WHO: Final = (
    "who(?:m|se)?",
    "recipients?(?!'s (?!(?:full )?name))",
    "addressee",
    "receivers?",
    "payee",
    "beneficiary",
    "person's name",
)
_WHERE: Final = r"where\b[^?]{0,60}\b"
_WHAT: Final = r"(?:what|which)\b[^?]{0,60}\b"
NAMED_BY: Final[dict[str, re.Pattern[str]]] = {
    "restaurant": _any_of(
        *("restaurants?", "eatery", "venue", "bistro", "(?:what|which) place", "place to eat", "name of the place"),
        _WHERE + "(?:eat|dine|dining|dinner|lunch|table|book|reserve|go)",
    ),
    "date": _any_of(
        *("(?:what|which) (?:other )?(?:day|date|evening|night|weekday)", "(?<!that )(?<!this )(?<!same )dates?"),
        "(?<!of the )(?<!of )day (?:would|works|suits|do)",
    ),
    "time": _any_of(
        *("(?:what|which) (?:exact )?(?:time|hour)", "o'clock", "how (?:late|early)", "hour"),
        r"(?<!this )(?<!that )(?<!same )(?<!last )times?\b(?! of (?:the )?day)",
    ),
    "guests": _any_of(*_HEADS),
    "pickup": _any_of(
        *("pick-?up (?:point|location|address|place|spot)", "starting (?:point|address|location|place)", "from where"),
        _WHERE + "(?:driver|taxi|cab|car) (?:come|meet|find|wait)",
        _WHERE + "are you(?: right now| now| at| currently| waiting| located)",
        *("departure", "origin", _WHERE + "(?:from|pick|picked|collect|collected|start)"),
    ),
    "destination": _any_of(
        *("destination", "drop(?:ped)?[- ]?(?:you |us )?off", "where to", "to where", "going where"),
        _WHERE + "(?:go|going|head|heading|headed|travell?ing|taken|take you)",
    ),
    "passengers": _any_of(*_HEADS),
    "recipient": _any_of(*_WHO),
    "address": _any_of(
        *("address(?:es)?", "street", "post ?code", "zip", "delivery location"),
        _WHERE + "(?:send|sent|deliver|delivered|live|lives|ship|shipped)",
    ),
    "weight_kg": _any_of(r"weigh\w*", "heavy", "kilos?", "kilograms?", "kg"),
    "service": _any_of(
        *("(?:which|what|kind of|type of|shipping|delivery) (?:service|method|option|speed|type)s?", "service"),
        *("express", "how (?:fast|quickly|soon|urgent)", r"urgen\w+", "priority"),
    ),
    "flavour": _any_of("flavou?rs?", "tastes?", "(?:what|which) (?:kind|sort|type|cake)", "chocolate", "vanilla"),
    "servings": _any_of(*_HEADS, "servings?", "portions?", "slices?", "size", "serve"),
    "inscription": _any_of(
        *(r"inscri\w+", "written", "writing", "wording", "words", "lettering", "message", "text"),
        _WHAT + "(?:say|write|read)",
    ),
    "appliance": _any_of(*("appliances?", "devices?", "machine", "equipment"), _WHAT + r"(?:broken|repair\w*|fix\w*)"),
    "part_of_day": _any_of(
        *("morning", "afternoon", "evening", "part of (?:the )?day", "time", "slot", "window", "hour"),
    ),
    "phone": _any_of(
        *("phone", "telephone", "mobile", "contact (?:number|details)", "(?:call|reach) you", "your number"),
    ),
    "amount": _any_of("amounts?", "how much", "value", "sum", "how many euros"),
    "account": _any_of(
        "accounts?", "pay(?:ing)? from", r"debit\w*", _WHERE + "(?:come|taken|paid|drawn)(?: out)? from"
    ),
    "reference": _any_of(
        *(
            "references?",
            "purpose",
            "reason",
            "on the (?:bank )?statement",
            "memo",
            "note",
            "description",
            "subject",
            _WHAT + "(?:payment|transfer|it) for",
        ),
    ),
}
"""The words that name each kind of fact in a question, in lower case."""

_MOMENTS: Final = ("date", "time", "part_of_day")
_WHEN: Final = re.compile(r"\bwhen\b")
_TRIMMED: Final = " \t*_`\"')"
_ITEM: Final = re.compile(r"\s*(?:[-*•]|\d{1,2}[.)])\s")
_SENTENCE_END: Final = re.compile(r"(?<=[.!?])[*_\"')]*\s+")
_CLAUSE_END: Final = re.compile(r"[,;()]|:(?!\d)|\s-\s")
_VERBS: Final = "do|does|did|is|are|will|would|should|can|could|shall|may|might"
_CUE: Final = _any_of(
    *("what", "which", "who", "whom", "whose", "where", "when", "how", "please", "tell", "provide", "share", "specify"),
    *("confirm", "clarify", "choose", "supply", "indicate", "advise", "let (?:me|us) know", "give me", "send me"),
    *("any preference", rf"(?:{_VERBS}) (?:you|i|it|they|the|there|that|this|your|we)", "without", "not sure"),
    *("(?<!you )(?:need|require|required|needed|missing|miss|lack|unclear|unknown)", "(?:have|like|want) to know"),
    "(?:do not|don't) (?:have|know|see)",
)
_NEED: Final = _any_of(
    *("need", "require", "missing", "miss", "lack", "not sure", "ask you", "know", "without"),
    "(?:do not|don't) (?:have|see)",
)
_OWN_PLAN: Final = re.compile(
    r"\W*(?:(?:ok|okay|great|sure|thanks|perfect|alright|and|so|then|but|now|of course|certainly)\W+){0,3}"
    r"(?:i'll|i will|i can|i am|i'm|i have|i've|let me(?! know)|we will|we'll)\b"
)
_KNOWN: Final = re.compile(
    r"\byou(?:'ve| have)?(?: already)?"
    r" (?:said|told|mentioned|gave|given|provided|specified|shared|asked for|want|wanted)\b"
    r"|\bi(?:'ve| have)?(?: already)? (?:got|have(?! to)|see|understand|noted)\b"
    r"|\balready\b|\bgot it\b|\bthank|\bsince\b|\bgiven that\b"
)
_SUMMARY: Final = _any_of("here(?:'s| is) what", "what i (?:have|know|got)", "so far", "to summari[sz]e")
