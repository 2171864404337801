"""What runs in deploy/terraform: the worker as its image is built, the functions, scaling, alarms, the dashboard."""

from __future__ import annotations

import importlib
import json
import re
from typing import Any

import pytest
from tests.image.dockerfile import health_check, read_stages
from tests.unit.deploy.terraform.calls import SOURCE
from tests.unit.deploy.terraform.module import FOLDER, default, local, named, one, optional_defaults, resources, text

from turnout.account import Outcome
from turnout.dlq.settings import DlqSettings
from turnout.dlq.settings import variable as dlq_variable
from turnout.fleet import stop_seconds
from turnout.genesys.config import GenesysConfig
from turnout.genesys.config import variable as genesys_variable
from turnout.serverless.recovering import Became
from turnout.settings import Settings, load_settings, variable

ALARMS = resources("aws_cloudwatch_metric_alarm")
FUNCTIONS = resources("aws_lambda_function")
QUEUES = {"source_queue_url": "https://sqs/1/events", "dead_letter_queue_url": "https://sqs/1/letters"}


# ------------------------------------------------------------------------------------------------------------ worker


def test_the_task_runs_confined_as_the_image_is_built() -> None:
    container = resources("aws_ecs_task_definition")["worker"]["container_definitions"]
    assert "readonlyRootFilesystem = true" in container
    assert f'user = "{read_stages()[-1].one("USER").rest}"' in container
    assert 'capabilities = {drop = ["ALL"]}' in container
    assert "initProcessEnabled = true" in container


def test_the_task_has_the_health_check_of_the_image() -> None:
    assert [*health_check()[:-1], local("health_check")] == health_check()
    container = resources("aws_ecs_task_definition")["worker"]["container_definitions"]
    words = re.search(r"command = \[(.*?)\]", container)
    assert words is not None
    assert words[1] == ", ".join(json.dumps(word) for word in ["CMD", *health_check()[:-1]]) + ", local.health_check"


def test_the_task_has_longer_to_stop_than_it_takes_to_drain_and_flush() -> None:
    container = resources("aws_ecs_task_definition")["worker"]["container_definitions"]
    assert "stopTimeout = local.worker_stop_seconds" in container
    formula = re.sub(r"\s+", "", local("worker_stop_seconds"))
    defaults = dict(re.findall(r'"(TURNOUT_[A-Z_]+)",(\d+)\)', formula))
    fields = Settings.model_fields
    assert {name: float(value) for name, value in defaults.items()} == {
        variable(name): fields[name].default for name in ("drain_seconds", "telemetry_seconds")
    }
    assert re.fullmatch(r"\$\{ceil\(tonumber\(.*?\)\+2\*tonumber\(.*?\)\+10\)\}", formula)
    settings = load_settings(QUEUES)
    # What a supervisor grants its workers: it must still be there to end the last of them. Fargate allows 120.
    assert stop_seconds(settings) < settings.drain_seconds + 2 * settings.telemetry_seconds + 10 <= 120


@pytest.mark.parametrize(("memory", "processes"), [(512, 1), (512, 2), (1024, 1), (2048, 8), (30720, 1), (30720, 4)])
def test_the_task_has_memory_for_the_bodies_that_its_processes_may_hold(memory: int, processes: int) -> None:
    (formula,) = re.findall(r"TURNOUT_MAX_IN_FLIGHT_MIB = tostring\((.+)\)", text(FOLDER))
    assert formula == "floor((var.worker.memory / local.worker_processes - 192) / 2.25)"
    held = (memory / processes - 192) // 2.25
    assert held >= Settings.model_fields["max_in_flight_mib"].metadata[0].ge
    # Measured, see docs/deployment.md: 110 MiB, and about two bytes for each that is held; 80 for who starts several.
    assert memory >= (80 if processes > 1 else 0) + processes * (110 + 2.1 * held)


def test_every_variable_that_is_set_is_a_setting() -> None:
    known = {variable(field) for field in Settings.model_fields}
    known |= {dlq_variable(field) for field in DlqSettings.__struct_fields__}
    known |= {genesys_variable(field) for field in GenesysConfig.__struct_fields__}
    functions = (SOURCE / "serverless").rglob("*.py")
    known |= {name for path in functions for name in re.findall(r'"(TURNOUT_[A-Z_]+)"', path.read_text())}
    assert set(re.findall(r"\bTURNOUT_[A-Z_]+[A-Z]", text(FOLDER))) <= known
    required = {variable(name) for name, field in Settings.model_fields.items() if field.is_required()}
    assert required <= set(re.findall(r"\b(TURNOUT_[A-Z_]+) +=", text(FOLDER)))


def test_the_default_targets_are_those_of_the_rules_that_come_along() -> None:
    rules = (FOLDER.parents[1] / "rules" / "00-targets.yaml").read_text()
    given = {f"{name.upper().replace('-', '_')}_QUEUE_URL" for name in default("targets")}
    assert given == set(re.findall(r"\$\{(\w+_QUEUE_URL)\}", rules))


def test_nobody_connects_to_the_worker() -> None:
    assert "ingress" not in text(FOLDER)
    assert resources("aws_ecs_service")["worker"]["enable_execute_command"] is False
    assert resources("aws_vpc_security_group_egress_rule")["worker"]["ip_protocol"] == "tcp"


def test_a_version_that_does_not_become_healthy_is_taken_back_while_the_old_one_works_on() -> None:
    service = resources("aws_ecs_service")["worker"]
    assert one(service, "deployment_circuit_breaker") == {"enable": True, "rollback": True}
    assert service["deployment_minimum_healthy_percent"] == 100


def test_workers_are_added_by_backlog_for_each_task_and_by_age() -> None:
    policies = resources("aws_appautoscaling_policy")
    tracking = one(policies["backlog"], "target_tracking_scaling_policy_configuration")
    metrics = str(tracking["customized_metric_specification"])
    assert "ApproximateNumberOfMessagesVisible" in metrics
    assert "RunningTaskCount" in metrics
    assert "IF(tasks > 0, tasks, 1)" in metrics
    steps = one(policies["age"], "step_scaling_policy_configuration")["step_adjustment"]
    assert [step["scaling_adjustment"] for step in steps] == [1, 3]
    assert ALARMS["scale_by_age"]["alarm_actions"] == ["${aws_appautoscaling_policy.age[0].arn}"]
    cluster = resources("aws_ecs_cluster")["this"]
    assert one(cluster, "setting") == {"name": "containerInsights", "value": "enabled"}


# --------------------------------------------------------------------------------------------------------- functions


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_handler_of_every_function_exists(name: str) -> None:
    each = re.findall(r'"([a-z]+)"', re.findall(r"toset\((\[.*?\])\)", local("steps"))[0]) if name == "step" else [""]
    for key in each:
        module, _, function = FUNCTIONS[name]["handler"].replace("${each.key}", key).rpartition(".")
        assert callable(getattr(importlib.import_module(module), function))


def test_the_state_machine_finds_a_function_for_each_of_its_states() -> None:
    definition = (FOLDER.parent / "stepfunctions" / "recovery.asl.json").read_text()
    steps = re.findall(r'"([a-z]+)"', re.findall(r"toset\((\[.*?\])\)", local("steps"))[0])
    assert steps == sorted(set(re.findall(r"\$\{(\w+)\}", definition)))
    (machine,) = resources("aws_sfn_state_machine").values()
    assert "/../stepfunctions/recovery.asl.json" in machine["definition"]
    (waits,) = set(re.findall(r'"TimeoutSeconds": (\d+),\s+"Retry"', definition))
    assert int(optional_defaults("recovery")["timeout_seconds"]) < int(waits)


def test_letters_stay_invisible_for_six_times_the_time_of_recovery() -> None:
    assert int(default("source_visibility_seconds")) >= 6 * int(optional_defaults("recovery")["timeout_seconds"])
    conditions = [each["condition"] for each in named("variable")["recovery"]["validation"]]
    assert any("var.source_visibility_seconds >= 6 * var.recovery.timeout_seconds" in each for each in conditions)


def test_a_function_of_a_state_ends_before_its_state_gives_up() -> None:
    definition = (FOLDER.parent / "stepfunctions" / "recovery.asl.json").read_text()
    (waits,) = set(re.findall(r'"TimeoutSeconds": (\d+),\s+"Retry"', definition))
    conditions = [each["condition"] for each in named("variable")["recovery"]["validation"]]
    (longest,) = re.findall(r'"state-machine" \|\| try\(var\.recovery\.timeout_seconds <= (\d+)', str(conditions))
    assert int(longest) + 10 <= int(waits), "Lambda may take ten seconds to start a function"


def test_the_state_machine_delivers_so_many_letters_at_a_time_and_those_beyond_wait_for_their_turn() -> None:
    step = resources("aws_lambda_function")["step"]
    assert step["reserved_concurrent_executions"] == ('${each.key == "deliver" ? var.recovery.maximum_deliveries : -1}')
    assert int(optional_defaults("recovery")["maximum_deliveries"]) == 10
    definition = json.loads((FOLDER.parent / "stepfunctions" / "recovery.asl.json").read_text())
    states = definition["States"]["Letters"]["ItemProcessor"]["States"]
    retries = states["Deliver"]["Retry"]
    (retry,) = [each for each in retries if "Lambda.TooManyRequestsException" in each["ErrorEquals"]]
    waits = [min(retry["IntervalSeconds"] * 2**made, retry["MaxDelaySeconds"]) for made in range(retry["MaxAttempts"])]
    assert retry["JitterStrategy"] == "FULL", "half of each wait, as a rule"
    assert sum(waits) / 2 > 10 * 60
    assert sum(waits) < definition["TimeoutSeconds"] / 2, "there is time left to park it"


@pytest.mark.parametrize("name", resources("aws_lambda_event_source_mapping"))
def test_only_what_failed_stays_in_the_queue(name: str) -> None:
    mapping = resources("aws_lambda_event_source_mapping")[name]
    assert mapping["function_response_types"] == ["ReportBatchItemFailures"]
    assert one(mapping, "scaling_config").keys() == {"maximum_concurrency"}


def test_a_received_event_stays_invisible_for_six_times_the_routers_time() -> None:
    given = {name: int(value) for name, value in optional_defaults("router").items() if value.isdigit()}
    longest = 6 * given["timeout_seconds"] + given["batch_window_seconds"]
    assert int(default("source_visibility_seconds")) >= longest
    conditions = [each["condition"] for each in named("variable")["router"]["validation"]]
    asked = "var.source_visibility_seconds >= 6 * var.router.timeout_seconds + var.router.batch_window_seconds"
    assert any(asked in condition for condition in conditions)


def test_who_follows_conversations_must_be_told_how_to_ask_genesys() -> None:
    (check,) = [each for each in named("variable")["conversations"]["validation"] if "GENESYS" in each["condition"]]
    assert "keys(var.genesys_environment)" in check["condition"]
    assert "set genesys_environment" in check["error_message"]


def test_events_of_a_target_stay_invisible_for_six_times_the_time_of_who_follows_conversations() -> None:
    assert int(optional_defaults("targets")["visibility_seconds"]) >= 6 * int(
        optional_defaults("conversations")["timeout_seconds"]
    )
    conditions = [each["condition"] for each in named("variable")["conversations"]["validation"]]
    assert any("visibility_seconds >= 6 * var.conversations.timeout_seconds" in each for each in conditions)


# ------------------------------------------------------------------------------------------------------------ alarms


@pytest.mark.parametrize(
    ("alarm", "metric"),
    [
        ("source_age", "ApproximateAgeOfOldestMessage"),
        ("target_age", "ApproximateAgeOfOldestMessage"),
        ("dead_letters", "ApproximateNumberOfMessagesVisible"),
        ("in_flight", "ApproximateNumberOfMessagesNotVisible"),
        ("lost_before_the_queue", "InvocationsFailedToBeSentToDlq"),
        ("rule_throttled", "ThrottledRules"),
        ("table_throttled", "ThrottledRequests"),
        ("too_few_workers", "RunningTaskCount"),
    ],
)
def test_an_alarm_is_raised(alarm: str, metric: str) -> None:
    assert ALARMS[alarm]["metric_name"] == metric


def test_rules_of_the_default_bus_are_watched_as_eventbridge_counts_them() -> None:
    # Rules of the default bus have metrics by RuleName alone: with a second dimension an alarm would never see one.
    assert local("bus_dimension") == '${local.bus_name == "default" ? {} : {EventBusName = local.bus_name}}'
    for alarm in ("lost_before_the_queue", "rule_throttled"):
        assert ALARMS[alarm]["dimensions"] == "${merge(local.bus_dimension, {RuleName = each.value.name})}"


def test_an_alarm_is_raised_when_events_wait_and_none_is_finished() -> None:
    queries = {each["id"]: each for each in ALARMS["no_deletes"]["metric_query"]}
    assert queries["stuck"]["expression"] == "IF(visible > 0 AND FILL(deleted, 0) == 0, 1, 0)"
    assert one(queries["deleted"], "metric")["metric_name"] == "NumberOfMessagesDeleted"


def test_every_queue_that_is_empty_when_all_is_well_is_watched() -> None:
    watched = str(local("failure_queues"))
    for name in ("dead_letter", "undelivered", "parked", "target_dead_letter"):
        assert f"aws_sqs_queue.{name}" in watched
    assert ALARMS["dead_letters"]["for_each"] == "${local.failure_queues}"


@pytest.mark.parametrize("name", ALARMS)
def test_alarms_say_what_is_wrong_and_go_where_they_are_told(name: str) -> None:
    alarm: dict[str, Any] = ALARMS[name]
    assert len(alarm["alarm_description"]) > 40
    assert alarm["treat_missing_data"] in ("notBreaching", "breaching")
    assert alarm["alarm_actions"] in ("${var.alarms.actions}", ["${aws_appautoscaling_policy.age[0].arn}"])


def test_the_dashboard_shows_what_the_alarms_watch() -> None:
    panels = text(FOLDER)[text(FOLDER).index("panels = concat") :]
    for metric in ("ApproximateAgeOfOldestMessage", "NumberOfMessagesDeleted", "FailedInvocations", "RunningTaskCount"):
        assert metric in panels


def test_the_dashboard_has_no_panel_without_metrics_which_cloudwatch_refuses() -> None:
    body = resources("aws_cloudwatch_dashboard")["this"]["dashboard_body"]
    assert "for index, panel in [for panel in local.panels : panel if length(panel.metrics) > 0] :" in body


def test_every_function_is_on_the_dashboard_with_what_it_counts_itself() -> None:
    shown = text(FOLDER)[text(FOLDER).index("function_names = concat") :]
    for function in resources("aws_lambda_function"):
        assert f"aws_lambda_function.{function}" in shown, function
    for counted in (Outcome, Became):
        names = ", ".join(f'"{each}"' for each in counted)
        assert f"for outcome in [{names}]" in shown, counted


def test_every_function_that_a_queue_calls_has_an_alarm_for_errors_and_throttles() -> None:
    watched = {str(alarm["dimensions"]) for alarm in ALARMS.values() if "Throttles" in str(alarm.get("for_each"))}
    for mapping in resources("aws_lambda_event_source_mapping").values():
        function = mapping["function_name"].removesuffix("}").removesuffix(".arn").removeprefix("${")
        assert any(f"{function}.function_name" in dimensions for dimensions in watched), function


def test_one_message_alone_that_keeps_failing_raises_the_alarm_of_whoever_is_called_with_it() -> None:
    # It is seen once in a visibility timeout: failures in minutes that follow on each other it never has.
    failing = [name for name, alarm in ALARMS.items() if "Throttles" in str(alarm.get("for_each"))] + ["recovery_pipe"]
    assert sorted(failing) == ["conversations", "recovery_function", "recovery_pipe", "router"]
    for name in failing:
        alarm = ALARMS[name]
        assert (alarm["period"], alarm["datapoints_to_alarm"], alarm["threshold"]) == (60, 3, 0)
        within = str(alarm["evaluation_periods"])
        formula = local("failing_minutes") if within == "${local.failing_minutes}" else within
        seconds = (
            "var.targets[var.conversations.target].visibility" if name == "conversations" else "var.source_visibility"
        )
        assert formula == f"${{min(1440, max(15, ceil(3 * {seconds}_seconds / 60)))}}", name


def test_what_keeps_a_pipe_from_starting_recovery_is_logged_and_watched_without_the_letter() -> None:
    (pipe,) = resources("aws_pipes_pipe").values()
    logged = one(pipe, "log_configuration")
    assert (logged["level"], "include_execution_data" in logged) == ("ERROR", False)
    alarm = ALARMS["recovery_pipe"]
    assert (alarm["namespace"], alarm["metric_name"]) == ("AWS/EventBridge/Pipes", "ExecutionFailed")
    assert alarm["for_each"] == "${aws_pipes_pipe.recovery}"


def test_functions_run_on_what_their_package_is_made_for() -> None:
    script = (FOLDER.parent / "lambda" / "package.py").read_text()
    given = optional_defaults("package")
    assert given["runtime"].strip('"') == "python" + re.findall(r'"--python".*default="([\d.]+)"', script)[0]
    assert given["architecture"].strip('"') == re.findall(r'"--architecture".*default="(\w+)"', script)[0]
