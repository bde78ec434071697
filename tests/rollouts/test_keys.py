from hypothesis import given
from hypothesis import strategies as st

from polygym.rollouts.keys import KeySet, Numbering, RolloutKey

keys = st.builds(RolloutKey, st.integers(0, 1 << 39), st.integers(0, (1 << 24) - 1))


@given(st.sets(keys), st.lists(keys))
def test_a_key_set_holds_exactly_its_keys(members: set[RolloutKey], others: list[RolloutKey]) -> None:
    found = KeySet(members)
    assert len(found) == len(members)
    assert all(key in found for key in members)
    assert [key in found for key in others] == [key in members for key in others]
    assert found.first_duplicate() is None


@given(st.lists(keys, min_size=1), st.data())
def test_a_key_that_was_given_twice_is_found(members: list[RolloutKey], data: st.DataObject) -> None:
    again = data.draw(st.sampled_from(members))
    duplicate = KeySet([*dict.fromkeys(members), again]).first_duplicate()
    assert duplicate == again


@given(st.lists(st.integers(0, (1 << 64) - 1)))
def test_numbers_follow_the_order_of_first_appearance(sequence: list[int]) -> None:
    numbering = Numbering()
    expected = {key: number for number, key in enumerate(dict.fromkeys(sequence))}
    assert [numbering.number(key) for key in sequence] == [expected[key] for key in sequence]
    assert len(numbering) == len(expected)
