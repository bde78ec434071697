"""Whether all rewards of all the other checks lie in the range that the manifest states."""

from polygym.kit.checks.subject import Result, Subject
from polygym.kit.policies import LAZY


def check_rewards(subject: Subject) -> Result:
    """No reward of any rollout, whatever it was played for, is out of range."""
    for policy in LAZY if subject.samples else ():
        subject.alone(policy)
    if subject.samples and subject.has_reference:
        subject.alone(subject.reference)
    low, high = subject.low, subject.high
    outside = {origin: reward for origin, reward in subject.rewards if not low <= reward <= high}
    listed = [f"{origin}: reward {reward:g} is not from {low:g} to {high:g}" for origin, reward in outside.items()]
    return Result(listed, f"{len(subject.rewards)} rewards from {low:g} to {high:g}")
