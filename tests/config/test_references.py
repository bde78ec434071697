import pytest

from polygym.protocol.calls import AgentServerRef, ModelServerRef, ResourcesServerRef
from tests.config.project import POLICY, Project

AGENT = """
agent:
  responses_api_agents:
    simple_agent:
      entrypoint: app.py
      resources_server: {reference}
"""


@pytest.fixture
def weather(project: Project) -> Project:
    """An environment and a model."""
    project.environment("weather")
    project.model()
    return project


CONFIGS = (
    "responses_api_models/openai_model/configs/openai_model.yaml",
    "resources_servers/weather/configs/weather.yaml",
)


def test_fields_that_refer_to_other_instances_are_typed(weather: Project) -> None:
    weather.write(
        "extra.yaml",
        """
        weather_agent:
          responses_api_agents:
            simple_agent:
              helper: {type: responses_api_agents, name: weather_agent}
              judge: null
              source: {type: huggingface, name: a-dataset}
              nested: {server: {type: resources_servers, name: nobody}}
        """,
    )

    config = weather.load(*CONFIGS, "extra.yaml", settings=POLICY)

    assert config.instances["weather_agent"].references == {
        "resources_server": ResourcesServerRef(name="weather"),
        "model_server": ModelServerRef(name="policy_model"),
        "helper": AgentServerRef(name="weather_agent"),
    }
    assert config.instances["weather"].references == {}


def test_the_type_may_be_left_out_where_the_field_says_it(weather: Project) -> None:
    weather.write("extra.yaml", AGENT.format(reference="{name: weather}"))

    config = weather.load(*CONFIGS, "extra.yaml", settings=POLICY)

    assert config.instances["agent"].references == {"resources_server": ResourcesServerRef(name="weather")}


def test_a_reference_to_nobody_is_refused_with_the_nearest_of_its_type(weather: Project) -> None:
    weather.write("extra.yaml", AGENT.format(reference="{type: resources_servers, name: wether}"))

    message = weather.refused(*CONFIGS, "extra.yaml", settings=POLICY)

    assert message.startswith(
        f"{weather.root}/extra.yaml:5: 'agent.responses_api_agents.simple_agent.resources_server'"
    )
    assert "'wether' of resources_servers, which no config defines. Meant 'weather'?" in message


def test_a_reference_to_an_instance_of_another_type_is_refused(weather: Project) -> None:
    weather.write("extra.yaml", AGENT.format(reference="{type: resources_servers, name: policy_model}"))

    message = weather.refused(*CONFIGS, "extra.yaml", settings=POLICY)

    assert "'policy_model' of resources_servers, but 'policy_model' is of responses_api_models" in message
    assert "openai_model.yaml:3" in message and "There is: weather." in message


def test_a_reference_with_an_unknown_type_is_refused(weather: Project) -> None:
    weather.write("extra.yaml", AGENT.format(reference="{type: resource_server, name: weather}"))

    message = weather.refused(*CONFIGS, "extra.yaml", settings=POLICY)

    assert "extra.yaml:5" in message
    assert "unknown server type 'resource_server'. Meant 'resources_servers'" in message


def test_an_agent_without_a_model_is_told_how_to_give_one(weather: Project) -> None:
    message = weather.refused(CONFIGS[1])

    assert message.startswith("no model given: 'weather_agent'")
    assert f"{weather.root}/{CONFIGS[1]}:10" in message
    assert "--model-type TYPE --model NAME" in message and "openai_model" in message.partition("Types: ")[2]


def test_work_on_datasets_needs_no_model(weather: Project) -> None:
    assert set(weather.load(CONFIGS[1], needs_model=False).instances) == {"weather", "weather_agent"}
    assert weather.load(*CONFIGS, needs_model=False).settings["policy_model_name"] == ""
