"""Where a queue's URL says that the queue lives."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.loaders import create_loader

from turnout.sqs.place import Place, amazons_url, configured_region, find_place, is_amazons

PARTITIONS = create_loader().load_data("partitions")["partitions"]


@pytest.mark.parametrize(
    ("url", "region", "origin"),
    [
        ("https://sqs.eu-west-1.amazonaws.com/123456789012/q", "eu-west-1", None),
        ("https://sqs.us-gov-west-1.amazonaws.com/1/q", "us-gov-west-1", None),
        ("https://sqs.cn-north-1.amazonaws.com.cn/1/q", "cn-north-1", None),
        ("https://sqs.eusc-de-east-1.amazonaws.eu/1/q", "eusc-de-east-1", None),
        ("https://sqs.us-iso-east-1.c2s.ic.gov/1/q", "us-iso-east-1", None),
        ("https://sqs.eu-isoe-west-1.cloud.adc-e.uk/1/q", "eu-isoe-west-1", None),
        ("https://queue.amazonaws.com/1/q", "us-east-1", None),
        ("https://eu-west-1.queue.amazonaws.com/1/q", "eu-west-1", None),
        ("https://sqs-fips.us-east-2.amazonaws.com/1/q", "us-east-2", "https://sqs-fips.us-east-2.amazonaws.com"),
        ("https://sqs.us-east-2.api.aws/1/q", "us-east-2", "https://sqs.us-east-2.api.aws"),
        (
            "https://vpce-0ab-12cd.sqs.us-west-2.vpce.amazonaws.com/1/q",
            "us-west-2",
            "https://vpce-0ab-12cd.sqs.us-west-2.vpce.amazonaws.com",
        ),
        ("http://localhost:4566/000000000000/q", "eu-central-1", "http://localhost:4566"),
        ("http://user:secret@localhost:4566/0/q", "eu-central-1", "http://localhost:4566"),
    ],
)
def test_the_url_tells_region_and_endpoint(url: str, region: str, origin: str | None) -> None:
    assert find_place(url, None, {"AWS_REGION": "eu-central-1"}) == Place(region, origin)


def test_a_region_is_looked_for_in_the_setting_then_in_the_environment() -> None:
    url = "http://localhost:4566/0/q"
    both = {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"}
    assert find_place(url, "us-east-1", both).region == "us-east-1"
    assert find_place(url, None, both).region == "eu-west-1"
    assert find_place(url, None, {"AWS_REGION": "", "AWS_DEFAULT_REGION": "eu-west-2"}).region == "eu-west-2"
    assert find_place(url, None, {}).region is None


def test_the_region_in_the_host_name_outranks_the_setting() -> None:
    assert find_place("https://sqs.eu-west-1.amazonaws.com/1/q", "us-east-1", {}).region == "eu-west-1"


def test_a_host_that_only_resembles_amazons_is_not_amazons() -> None:
    place = find_place("https://sqs.eu-west-1.amazonaws.com.evil.example/1/q", None, {})
    assert place == Place(None, "https://sqs.eu-west-1.amazonaws.com.evil.example")


def test_both_variables_of_the_region_are_read_and_aws_region_wins() -> None:
    both = {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "us-east-1"}
    assert configured_region(both) == "eu-west-1"
    assert configured_region({"AWS_DEFAULT_REGION": "us-east-1"}) == "us-east-1"
    assert configured_region({"AWS_REGION": ""}) is None


@pytest.mark.parametrize("partition", PARTITIONS, ids=[each["id"] for each in PARTITIONS])
def test_queues_are_found_in_every_partition_that_botocore_knows(partition: dict[str, Any]) -> None:
    region = next(each for each in partition["regions"] if not each.endswith("-global"))
    url = amazons_url(f"arn:{partition['id']}:sqs:{region}:123456789012:q")
    assert url == f"https://sqs.{region}.{partition['outputs']['dnsSuffix']}/123456789012/q"
    assert find_place(url, None, {}) == Place(region, None)
    dual = f"https://sqs.{region}.{partition['outputs']['dualStackDnsSuffix']}"
    assert find_place(f"{dual}/123456789012/q", None, {}) == Place(region, dual)
    assert is_amazons(url.split("/")[2])
    assert is_amazons(dual.split("/")[2])


@pytest.mark.parametrize("host", ["localhost", "sqs.eu-west-1.amazonaws.com.evil.example", "notamazonaws.com"])
def test_an_emulator_is_not_amazons(host: str) -> None:
    assert not is_amazons(host)
