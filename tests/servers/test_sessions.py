import pytest
from pydantic import ValidationError

from polygym import TaskFields


class QuizTask(TaskFields):
    question: str
    points: int = 1


def test_declared_fields_are_checked_and_the_others_stay_readable() -> None:
    task = QuizTask.model_validate({"question": "?", "points": "2", "source": {"page": 3}, "_ng_task_index": 1})

    assert (task.question, task.points) == ("?", 2)
    assert task.source == {"page": 3}
    assert task.responses_create_params == {}


def test_a_task_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        QuizTask(question="?").points = 3
