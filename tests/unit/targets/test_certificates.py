"""Endpoints that demand a certificate of ours: what they are shown, and what is wrong with the files."""

import asyncio
import logging
import shutil
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from click.testing import CliRunner
from tests.servers.certificates import ClientFiles, make_certificates, make_client
from tests.servers.connecting import connect_proxy
from tests.unit.targets.endpoint import Endpoint, endpoint

from turnout.app import load_ruleset
from turnout.cli.check import check
from turnout.doctor.asking.targets import ask_endpoint
from turnout.doctor.facts import Silence, Why
from turnout.doctor.findings import Severity
from turnout.doctor.services import judge_target
from turnout.errors import Fault, RulesError, TargetError
from turnout.rules import Target
from turnout.rules.model import Kind
from turnout.settings import load_settings
from turnout.sqs.api import OutgoingMessage
from turnout.sqs.memory import MemorySqs
from turnout.targets import certificates
from turnout.targets.certificates import Renewing, client_certificate, problems_with_certificates
from turnout.targets.destinations import Destinations, open_destinations

SOURCE = "http://sqs.memory/000000000000/events"
HOOK = Target("hook", "https://hooks.test/crm", kind=Kind.URL, client_certificate_from="CERT", client_key_from="KEY")

RULES = """
targets: {hook: {url: "https://hooks.test/crm?key=hunter2", client_certificate_from: CERT, client_key_from: KEY}}
unmatched: drop
rules: [{id: one, when: exists(detail), send: [hook], examples: [{event: {detail: {}}, match: true}]}]
"""


class Strict(NamedTuple):
    """A server that takes nobody who does not show the client's certificate, and what there is to reach it."""

    server: Endpoint
    files: ClientFiles
    environ: dict[str, str]

    @property
    def hook(self) -> Target:
        return msgspec.structs.replace(HOOK, address=self.server.url)


@contextmanager
def strict(folder: Path, *, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> Iterator[Strict]:
    ca, tls = make_certificates(folder)
    tls.maximum_version = newest
    files = make_client(folder)
    files.demanded_by(tls)
    environ = {"SSL_CERT_FILE": str(ca), "CERT": str(files.certificate), "KEY": str(files.key)}
    with endpoint(tls) as server:
        yield Strict(server, files, environ)


async def post(target: Target, environ: Mapping[str, str]) -> None:
    async with open_destinations(MemorySqs(), beside=SOURCE, environ=environ) as destinations:
        sent = await destinations(target).send([OutgoingMessage("{}")])
        assert not sent.failures


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2])
def test_an_endpoint_that_demands_a_certificate_is_shown_the_one_that_the_rules_name(
    tmp_path: Path, newest: ssl.TLSVersion
) -> None:
    async def main() -> None:
        with strict(tmp_path, newest=newest) as there:
            await post(there.hook, there.environ)

    asyncio.run(main())


def test_one_file_may_hold_certificate_and_key(tmp_path: Path) -> None:
    async def main() -> None:
        with strict(tmp_path) as there:
            both = tmp_path / "both.pem"
            both.write_bytes(there.files.key.read_bytes() + there.files.certificate.read_bytes())
            target = Target("hook", there.server.url, kind=Kind.URL, client_certificate_from="BOTH")
            await post(target, {**there.environ, "BOTH": str(both)})

    asyncio.run(main())


def test_an_endpoint_that_is_shown_no_certificate_or_another_one_is_told_as_that(tmp_path: Path) -> None:
    async def main() -> None:
        other = make_client(tmp_path, "stranger")
        with strict(tmp_path) as there:
            nobody = Target("hook", there.server.url, kind=Kind.URL)
            with pytest.raises(TargetError, match=r"client certificate is demanded.*client_certificate_from") as caught:
                await post(nobody, there.environ)
            assert (caught.value.fault, caught.value.retryable) == (Fault.SYSTEM, True)
            with pytest.raises(TargetError, match=r"the client certificate is not accepted: .*unknown ca"):
                await post(there.hook, {**there.environ, "CERT": str(other.certificate), "KEY": str(other.key)})

    asyncio.run(main())


def test_the_certificate_goes_through_the_proxy_to_the_endpoint_and_to_no_other_endpoint(tmp_path: Path) -> None:
    async def main() -> None:
        with strict(tmp_path) as there:
            async with connect_proxy() as proxy:
                environ = {**there.environ, "HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}"}
                await post(there.hook, environ)
                assert len(proxy.asked) == 1
                async with open_destinations(MemorySqs(), beside=SOURCE, environ=environ) as destinations:
                    await destinations(there.hook).send([OutgoingMessage("{}")])
                    with pytest.raises(TargetError, match="client certificate is demanded"):
                        await destinations.endpoint(there.server.url).send([OutgoingMessage("{}")])

    asyncio.run(main())


def test_a_certificate_that_is_renewed_in_place_is_shown_by_the_next_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(certificates, "_LOOK_SECONDS", 0.0)
    caplog.set_level(logging.INFO)

    async def main() -> None:
        before = make_client(tmp_path, "before")
        with strict(tmp_path) as there:
            environ = {**there.environ, "CERT": str(before.certificate), "KEY": str(before.key)}
            async with open_destinations(MemorySqs(), beside=SOURCE, environ=environ) as destinations:
                destination = destinations(there.hook)
                with pytest.raises(TargetError, match="not accepted"):
                    await destination.send([OutgoingMessage("{}")])
                shutil.copy(there.files.certificate, before.certificate)
                with pytest.raises(TargetError, match="not accepted"):
                    await destination.send([OutgoingMessage("{}")])
                shutil.copy(there.files.key, before.key)
                assert not (await destination.send([OutgoingMessage("{}")])).failures

    asyncio.run(main())
    told = [message for message in caplog.messages if message.startswith("CERT")]
    assert told == [
        "CERT and KEY: the certificate and the key do not belong together; the client certificate of before is kept",
        "CERT: the client certificate was renewed",
    ]


def test_files_are_looked_at_now_and_then_and_what_is_wrong_with_them_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files, now = make_client(tmp_path), [0.0]
    named = client_certificate(HOOK, {"CERT": str(files.certificate), "KEY": str(files.key)})
    assert named is not None
    renewing = Renewing(named, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), lambda: now[0])
    files.key.unlink()
    renewing.look()
    assert caplog.messages == []
    for now[0] in (10.0, 20.0, 30.0):
        renewing.look()
    assert len(caplog.messages) == 1


def wrong_files(folder: Path) -> dict[str, dict[str, str]]:
    files, other = make_client(folder), make_client(folder, "other")
    locked = make_client(folder, "locked", passphrase=b"hunter2")
    certificate, key = str(files.certificate), str(files.key)
    return {
        "KEY is not set: let it name": {"CERT": certificate},
        "CERT: the file that it names cannot be read: No such file": {"CERT": f"{folder}/missing", "KEY": key},
        "KEY: the file that it names cannot be read: Is a directory": {"CERT": certificate, "KEY": str(folder)},
        "KEY: holds the PEM itself": {"CERT": certificate, "KEY": files.key.read_text()},
        "KEY: the file that it names cannot be read: File name too long": {"CERT": certificate, "KEY": "c2VjcmV0" * 99},
        "CERT and KEY: the certificate and the key do not belong": {"CERT": certificate, "KEY": str(other.key)},
        "CERT and KEY: must name PEM files": {"CERT": key, "KEY": certificate},
        "KEY: the key has a passphrase": {"CERT": str(locked.certificate), "KEY": str(locked.key)},
    }


def test_what_is_wrong_with_the_files_is_said_with_what_to_do_and_never_with_what_is_in_them(tmp_path: Path) -> None:
    for told, environ in wrong_files(tmp_path).items():
        (problem,) = problems_with_certificates([HOOK, HOOK], environ)
        assert problem.startswith(told)
        assert "PRIVATE KEY" not in problem
        assert "c2VjcmV0" not in problem
        with pytest.raises(TargetError, match=told) as caught:
            Destinations(MemorySqs(), beside=SOURCE, environ=environ)(HOOK)
        assert (caught.value.code, caught.value.fault) == ("NoWay", Fault.CONFIG)


def test_a_worker_does_not_start_with_a_certificate_that_cannot_be_shown_and_the_check_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules, files = tmp_path / "rules.yaml", make_client(tmp_path)
    rules.write_text(RULES)
    monkeypatch.setenv("TURNOUT_SOURCE_QUEUE_URL", SOURCE)
    monkeypatch.setenv("TURNOUT_DEAD_LETTER_QUEUE_URL", f"{SOURCE}-dead")
    monkeypatch.setenv("TURNOUT_RULES", str(rules))
    for name in ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "eu-west-1" if name == "AWS_DEFAULT_REGION" else "test")
    monkeypatch.setenv("CERT", str(files.certificate))
    monkeypatch.setenv("KEY", str(tmp_path / "missing.pem"))
    with pytest.raises(RulesError, match="KEY: the file that it names cannot be read"):
        load_ruleset(load_settings())
    checked = CliRunner().invoke(check, [])
    assert checked.exit_code == 1
    assert "KEY: the file that it names cannot be read" in checked.output
    alone = CliRunner().invoke(check, ["--rules", str(rules)])
    assert alone.exit_code == 0, "a repository of rules has no such files"
    monkeypatch.setenv("KEY", str(files.key))
    assert load_ruleset(load_settings()).targets["hook"].client_key_from == "KEY"
    assert CliRunner().invoke(check, []).exit_code == 0


def test_the_doctor_shows_the_certificate_that_the_worker_shows_and_says_what_the_endpoint_thinks_of_it(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        with strict(tmp_path) as there:
            assert await ask_endpoint(there.hook, there.environ) is None
            nobody = Target("hook", there.server.url, kind=Kind.URL)
            silence = await ask_endpoint(nobody, there.environ)
            assert isinstance(silence, Silence)
            assert "a client certificate is demanded" in silence.message
            silence = await ask_endpoint(there.hook, {**there.environ, "KEY": f"{tmp_path}/missing.pem"})
            assert isinstance(silence, Silence)
            assert silence.why is Why.SETTINGS
            (finding,) = judge_target(there.hook, silence, {})
            assert finding.severity is Severity.ERROR
            assert finding.message.startswith("KEY: the file that it names cannot be read")

    asyncio.run(main())
