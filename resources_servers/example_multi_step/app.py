"""Several dependent steps: look up a number for each of several words, then hand all numbers in, in the right order."""

from pydantic import Field

from polygym import ResourcesServer, RolloutView, Session, TaskFields, Verification, tool


class SynonymTask(TaskFields):
    """A list of synonyms, of which the question is about some."""

    id: int
    expected_synonyms: list[str] = Field(min_length=1)
    """The synonyms that the question is about, in the order of the list."""
    expected_synonym_values: list[int] = Field(min_length=1)
    """Their values, in the same order."""
    minefield_label: str
    """The term itself, whose value must not be handed in."""
    minefield_label_value: int


class SynonymServer(ResourcesServer[SynonymTask]):
    """Gives words their values and takes values in. Needs no state: what was handed in is read from the rollout."""

    @tool
    def get_synonym_value(self, synonym: str) -> dict[str, int]:
        """Look up the value of one synonym.

        Args:
            synonym: The synonym, exactly as it is listed.
        """
        return {"synonym_value": synonym_value(synonym)}

    @tool
    def extract_synonym_values(self, synonym_values: list[int]) -> dict[str, bool]:
        """Hand in the values of all synonyms that the question is about.

        Args:
            synonym_values: The values, in the order in which their synonyms are listed.
        """
        return {"success": True}

    def verify(self, rollout: RolloutView, session: Session[SynonymTask]) -> Verification:
        """1.0 when the last values handed in are the expected ones in the expected order, else 0.0."""
        task = session.task
        expected, handed_in = task.expected_synonym_values, handed_in_values(rollout)
        is_accurate = handed_in == expected
        overlap = len(set(handed_in) & set(expected)) / len(set(expected))
        return Verification(
            reward=float(is_accurate),
            fields={
                "parsed_synonym_values": handed_in,
                "accuracy": is_accurate,
                "set_overlap": overlap,
                "original_term_minefield_hit": not {task.minefield_label, task.minefield_label_value}.isdisjoint(
                    handed_in
                ),
                "order_instruction_following_failure": not is_accurate and overlap == 1.0,
            },
        )


def synonym_value(synonym: str) -> int:
    """The sum of the code points of a word's characters."""
    return sum(map(ord, synonym))


def handed_in_values(rollout: RolloutView) -> list[float | str]:
    """What the last call of `extract_synonym_values` handed in; nothing when it is no list of numbers and texts."""
    calls = [call for call in rollout.function_calls if call.name == "extract_synonym_values"]
    values = calls[-1].arguments.get("synonym_values") if calls else None
    if not isinstance(values, list) or not all(type(value) in (int, float, str) for value in values):
        return []
    return values
