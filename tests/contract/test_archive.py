"""One suite for every archive: a letter is there once, never over another one, and comes back as it was."""

import asyncio
import base64
import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from uuid import uuid4

import boto3
import pytest
from tests.servers.archive import MemoryArchive
from tests.servers.emulators import ministack, moto
from tests.servers.processes import Server
from tests.servers.raw import Peer, Request, answer, raw_server, serving, trickling

from turnout.errors import ArchiveError, Fault
from turnout.recovery.archive import ArchiveStore, Stored
from turnout.recovery.archive.s3 import open_s3_archive

Open = Callable[[], AbstractAsyncContextManager[ArchiveStore]]
Scenario = Callable[[ArchiveStore], Awaitable[None]]
ONE, OTHER = "1" * 64, "2" * 64


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Server]]:
    with ministack() as first, moto() as second:
        yield {"ministack": first, "moto": second}


def point_at(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@contextlib.asynccontextmanager
async def in_memory(archive: MemoryArchive) -> AsyncIterator[ArchiveStore]:
    yield archive


def run(opened: Open, scenario: Scenario) -> None:
    async def main() -> None:
        async with asyncio.timeout(60), opened() as archive:
            await scenario(archive)

    asyncio.run(main())


@pytest.fixture
def aws(request: pytest.FixtureRequest, servers: dict[str, Server], monkeypatch: pytest.MonkeyPatch) -> Server:
    server = servers[request.param]
    point_at(server.url, monkeypatch)
    return server


@pytest.fixture
def bucket(aws: Server) -> str:
    name = f"b{uuid4().hex}"
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket=name)
    return name


@pytest.fixture(params=["memory", "ministack", "moto"])
def opened(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Opens an archive, the same one every time."""
    if request.param == "memory":
        archive = MemoryArchive()
        return lambda: in_memory(archive)
    server: Server = request.getfixturevalue("servers")[request.param]
    point_at(server.url, monkeypatch)
    name = f"b{uuid4().hex}"
    boto3.client("s3").create_bucket(Bucket=name)
    return lambda: open_s3_archive(name)


def test_what_was_put_comes_back(opened: Open) -> None:
    async def scenario(archive: ArchiveStore) -> None:
        assert await archive.put("a/one.json", b'{"a": 1}', ONE) == Stored("a/one.json", True)
        assert await archive.get("a/one.json") == b'{"a": 1}'

    run(opened, scenario)


def test_the_same_letter_again_is_found_there_and_stays_as_it_is(opened: Open) -> None:
    async def first(archive: ArchiveStore) -> None:
        await archive.put("a/one.json", b"first", ONE)

    async def again(archive: ArchiveStore) -> None:
        assert await archive.put("a/one.json", b"second", ONE) == Stored("a/one.json", False)
        assert await archive.get("a/one.json") == b"first"

    run(opened, first)
    run(opened, again)


def test_another_letter_does_not_go_over_it_but_beside_it(opened: Open) -> None:
    async def scenario(archive: ArchiveStore) -> None:
        await archive.put("a/one.json", b"first", ONE)
        beside = Stored("a/one-2222222222222222.json", True)
        assert await archive.put("a/one.json", b"second", OTHER) == beside
        assert await archive.put("a/one.json", b"second", OTHER) == Stored(beside.key, False)
        assert await archive.get("a/one.json") == b"first"
        assert await archive.get(beside.key) == b"second"

    run(opened, scenario)


def test_keys_are_listed_by_prefix_in_order(opened: Open) -> None:
    async def scenario(archive: ArchiveStore) -> None:
        for key in ("b/2", "b/1", "a/1", "b/3"):
            await archive.put(key, b"x", ONE)
        assert [key async for key in archive.keys("b/")] == ["b/1", "b/2", "b/3"]
        assert [key async for key in archive.keys("c/")] == []

    run(opened, scenario)


def test_a_key_without_a_document_is_an_error_of_the_data(opened: Open) -> None:
    async def scenario(archive: ArchiveStore) -> None:
        with pytest.raises(ArchiveError) as raised:
            await archive.get("missing")
        assert (raised.value.code, raised.value.fault, raised.value.retryable) == ("NoSuchKey", Fault.DATA, False)

    run(opened, scenario)


@pytest.mark.parametrize("aws", ["ministack", "moto"], indirect=True)
@pytest.mark.usefixtures("aws")
def test_a_missing_bucket_is_an_error_of_the_configuration() -> None:
    async def scenario(archive: ArchiveStore) -> None:
        with pytest.raises(ArchiveError, match="s3://no-such-bucket-of-ours/k: NoSuchBucket") as raised:
            await archive.put("k", b"x", ONE)
        assert (raised.value.fault, raised.value.retryable) == (Fault.CONFIG, False)

    run(lambda: open_s3_archive("no-such-bucket-of-ours"), scenario)


@pytest.mark.parametrize("aws", ["moto"], indirect=True)
def test_objects_are_encrypted_typed_and_carry_their_hash(bucket: str) -> None:
    async def plainly(archive: ArchiveStore) -> None:
        await archive.put("plain", b"{}", ONE)

    async def with_a_key(archive: ArchiveStore) -> None:
        await archive.put("own", b"{}", ONE)

    run(lambda: open_s3_archive(bucket), plainly)
    run(lambda: open_s3_archive(bucket, kms_key="alias/archive"), with_a_key)
    client = boto3.client("s3")
    plain = client.head_object(Bucket=bucket, Key="plain", ChecksumMode="ENABLED")
    assert plain["ContentType"] == "application/json"
    assert plain["ChecksumSHA256"] == base64.b64encode(hashlib.sha256(b"{}").digest()).decode()
    own = client.head_object(Bucket=bucket, Key="own")
    assert (own["ServerSideEncryption"], own["SSEKMSKeyId"]) == ("aws:kms", "alias/archive")


@pytest.mark.parametrize("aws", ["moto"], indirect=True)
def test_without_a_key_of_its_own_an_archive_leaves_encryption_to_the_bucket(bucket: str) -> None:
    client = boto3.client("s3")
    own = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/of-the-bucket"}
    client.put_bucket_encryption(
        Bucket=bucket,
        ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": own}]},
    )

    async def scenario(archive: ArchiveStore) -> None:
        await archive.put("k", b"{}", ONE)

    run(lambda: open_s3_archive(bucket), scenario)
    stored = client.head_object(Bucket=bucket, Key="k")
    assert (stored["ServerSideEncryption"], stored["SSEKMSKeyId"]) == ("aws:kms", "alias/of-the-bucket")


def test_a_bucket_that_does_not_answer_may_be_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    point_at("http://127.0.0.1:9", monkeypatch)

    async def scenario(archive: ArchiveStore) -> None:
        with pytest.raises(ArchiveError) as raised:
            await archive.put("k", b"x", ONE)
        assert (raised.value.fault, raised.value.retryable) == (Fault.SYSTEM, True)

    run(lambda: open_s3_archive("b"), scenario)


def test_a_bucket_whose_answer_comes_byte_by_byte_and_never_ends_may_be_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trickle = trickling(b'HTTP/1.1 200 OK\r\nETag: "1"\r\nContent-Length: 100000\r\n\r\n<')

    async def main() -> None:
        async with asyncio.timeout(20), raw_server(trickle) as server:
            point_at(server.url, monkeypatch)
            async with open_s3_archive("letters", timeout_seconds=0.1) as archive:
                calls = (archive.put("key", b"{}", ONE), archive.get("key"), anext(archive.keys("k")))
                for result in await asyncio.gather(*calls, return_exceptions=True):
                    assert isinstance(result, ArchiveError)
                    assert (result.code, result.fault, result.retryable) == ("TimeoutError", Fault.SYSTEM, True)

    asyncio.run(main())


@pytest.mark.parametrize("page", [b"<html><body>Please log in</body></html>", b""])
def test_an_answer_of_something_else_than_s3_stores_finds_and_lists_nothing(
    page: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def keys(archive: ArchiveStore) -> list[str]:
        return [key async for key in archive.keys("k")]

    async def main() -> None:
        async with asyncio.timeout(60), raw_server(serving(lambda _: answer(page, Content_Type="text/html"))) as server:
            point_at(server.url, monkeypatch)
            async with open_s3_archive("b") as archive:
                for call in (archive.put("k", b"x", ONE), archive.get("k"), keys(archive)):
                    with pytest.raises(ArchiveError) as raised:
                        await call
                    assert (raised.value.fault, raised.value.retryable) == (Fault.SYSTEM, True)

    asyncio.run(main())


def test_a_page_in_place_of_an_object_is_not_taken_for_another_letter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def handle(request: Request) -> bytes:
        taken = b"<Error><Code>PreconditionFailed</Code></Error>"
        return answer(taken, 412) if request.line.startswith("PUT") else answer(b"")

    async def main() -> None:
        async with asyncio.timeout(60), raw_server(serving(handle)) as server:
            point_at(server.url, monkeypatch)
            async with open_s3_archive("b") as archive:
                with pytest.raises(ArchiveError, match="BadAnswer"):
                    await archive.put("k", b"x", ONE)

    asyncio.run(main())


def test_a_document_that_is_cut_off_may_be_fetched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def cut_off(peer: Peer) -> None:
        await peer.request()
        await peer.write(b'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: 1000\r\n\r\n{"half')

    async def main() -> None:
        async with asyncio.timeout(60), raw_server(cut_off) as server:
            point_at(server.url, monkeypatch)
            async with open_s3_archive("b") as archive:
                with pytest.raises(ArchiveError) as raised:
                    await archive.get("k")
                assert (raised.value.fault, raised.value.retryable) == (Fault.SYSTEM, True)

    asyncio.run(main())


def test_an_object_that_is_larger_than_any_letter_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    async def endless(peer: Peer) -> None:
        await peer.request()
        await peer.write(b'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: 5000000000\r\n\r\nx')
        await peer.closed()

    async def main() -> None:
        async with asyncio.timeout(60), raw_server(endless) as server:
            point_at(server.url, monkeypatch)
            async with open_s3_archive("b") as archive:
                with pytest.raises(ArchiveError, match="s3://b/k: EntityTooLarge: 5,000,000,000 bytes") as raised:
                    await archive.get("k")
                assert (raised.value.fault, raised.value.retryable) == (Fault.DATA, False)

    asyncio.run(main())


async def talk(handle: Callable[[Request], bytes], scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scenario with an archive whose bucket answers as `handle` says."""
    async with asyncio.timeout(60), raw_server(serving(handle)) as server:
        point_at(server.url, monkeypatch)
        async with open_s3_archive("b") as archive:
            await scenario(archive)


def refused(status: int, code: str, message: str = "") -> bytes:
    told = f"<Message>{message}</Message>" if message else ""
    return answer(f"<Error><Code>{code}</Code>{told}</Error>".encode(), status)


WRITTEN = answer(b"", ETag='"e"')


@pytest.mark.parametrize("conflicts", [1, 2, 3])
def test_a_key_that_somebody_else_writes_at_the_moment_is_tried_three_times(
    conflicts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def handle(request: Request) -> bytes:
        seen.append(request.line)
        return refused(409, "ConditionalRequestConflict") if len(seen) <= conflicts else WRITTEN

    async def scenario(archive: ArchiveStore) -> None:
        if conflicts < 3:
            assert await archive.put("k", b"x", ONE) == Stored("k", True)
            return
        with pytest.raises(ArchiveError, match="s3://b/k: ConditionalRequestConflict: refused") as raised:
            await archive.put("k", b"x", ONE)
        assert (raised.value.fault, raised.value.retryable) == (Fault.SYSTEM, True)

    asyncio.run(talk(handle, scenario, monkeypatch))
    assert len(seen) == min(conflicts + 1, 3)


def test_a_letter_that_is_refused_is_written_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def handle(request: Request) -> bytes:
        seen.append(request.line)
        return refused(403, "AccessDenied")

    async def scenario(archive: ArchiveStore) -> None:
        with pytest.raises(ArchiveError, match="AccessDenied"):
            await archive.put("k", b"x", ONE)

    asyncio.run(talk(handle, scenario, monkeypatch))
    assert len(seen) == 1


@pytest.mark.parametrize(
    "there",
    [answer(b"", 403), answer(b"", 404), WRITTEN, answer(b"", ETag='"e"', x_amz_meta_turnout_letter=OTHER)],
    ids=["not to be read", "gone", "not ours", "another letter's"],
)
def test_what_is_not_known_to_be_this_letter_is_another_and_stays(
    there: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []

    def handle(request: Request) -> bytes:
        verb, path, _ = request.line.split()
        if verb == "HEAD":
            return there
        written.append(path)
        return refused(412, "PreconditionFailed") if path.startswith("/b/k.json") else WRITTEN

    async def scenario(archive: ArchiveStore) -> None:
        assert await archive.put("k.json", b"x", ONE) == Stored("k-1111111111111111.json", True)

    asyncio.run(talk(handle, scenario, monkeypatch))
    assert [path.partition("?")[0] for path in written] == ["/b/k.json", "/b/k-1111111111111111.json"]


def test_a_letter_that_cannot_be_looked_at_now_is_not_written_beside_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []

    def handle(request: Request) -> bytes:
        if request.line.startswith("HEAD"):
            return answer(b"", 400)
        written.append(request.line)
        return refused(412, "PreconditionFailed")

    async def scenario(archive: ArchiveStore) -> None:
        with pytest.raises(ArchiveError) as raised:
            await archive.put("k.json", b"x", ONE)
        assert raised.value.fault is Fault.SYSTEM

    asyncio.run(talk(handle, scenario, monkeypatch))
    assert len(written) == 1


def test_all_pages_of_a_listing_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def page(keys: Sequence[str], token: str = "") -> bytes:
        more = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>"
        rest = more if token else "<IsTruncated>false</IsTruncated>"
        contents = "".join(f"<Contents><Key>{key}</Key></Contents>" for key in keys)
        return answer(f"<ListBucketResult>{contents}{rest}</ListBucketResult>".encode())

    def handle(request: Request) -> bytes:
        if "continuation-token=second" in request.line:
            return page((), "third")
        return page(["k/3"]) if "continuation-token=third" in request.line else page(["k/1", "k/2"], "second")

    async def scenario(archive: ArchiveStore) -> None:
        assert [key async for key in archive.keys("k/")] == ["k/1", "k/2", "k/3"]

    asyncio.run(talk(handle, scenario, monkeypatch))


@pytest.mark.parametrize(
    ("response", "code", "fault", "retryable"),
    [
        (refused(403, "AccessDenied"), "AccessDenied", Fault.CONFIG, False),
        (refused(403, "SomethingNew"), "SomethingNew", Fault.CONFIG, False),
        (refused(401, "SomethingNew"), "SomethingNew", Fault.CONFIG, False),
        (refused(400, "KMS.DisabledException"), "KMS.DisabledException", Fault.CONFIG, False),
        (refused(400, "InvalidRequest"), "InvalidRequest", Fault.DATA, False),
        (refused(404, "NoSuchKey"), "NoSuchKey", Fault.DATA, False),
        (refused(403, "InvalidObjectState"), "InvalidObjectState", Fault.DATA, False),  # of this object, in Glacier
        (refused(404, "SomethingNew"), "SomethingNew", Fault.DATA, False),
        (refused(404, "NoSuchBucket"), "NoSuchBucket", Fault.CONFIG, False),
        (refused(400, "SomethingNew"), "SomethingNew", Fault.SYSTEM, False),
        (refused(400, "RequestTimeout"), "RequestTimeout", Fault.SYSTEM, True),
        (refused(400, "KMS.ThrottlingException"), "KMS.ThrottlingException", Fault.SYSTEM, True),
        (refused(412, "SomethingNew"), "SomethingNew", Fault.SYSTEM, False),
        (refused(418, "SomethingNew"), "SomethingNew", Fault.SYSTEM, True),
        (answer(b"<Error><Message/></Error>", 418), "HTTP 418", Fault.SYSTEM, True),
    ],
)
def test_what_s3_refuses_says_whose_fault_it_is_and_whether_to_try_again(
    response: bytes, code: str, fault: Fault, retryable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(archive: ArchiveStore) -> None:
        with pytest.raises(ArchiveError) as raised:
            await archive.get("k")
        found = raised.value
        assert (found.code, found.fault, found.retryable) == (code, fault, retryable)
        assert str(found) == f"s3://b/k: {code}: refused"

    asyncio.run(talk(lambda _: response, scenario, monkeypatch))


@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidToken", "TokenRefreshRequired"])
def test_credentials_that_have_expired_are_for_an_operator_to_renew(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(archive: ArchiveStore) -> None:
        with pytest.raises(ArchiveError) as raised:
            await archive.get("k")
        assert (raised.value.fault, raised.value.retryable) == (Fault.CONFIG, False)
        assert str(raised.value) == f"s3://b/k: {code}: The provided token has expired. (renew the credentials)"

    asyncio.run(talk(lambda _: refused(400, code, "The provided token has expired."), scenario, monkeypatch))


def test_what_s3_says_about_a_refusal_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(archive: ArchiveStore) -> None:
        with pytest.raises(ArchiveError, match="s3://b/k: AccessDenied: not you"):
            await archive.get("k")

    asyncio.run(talk(lambda _: refused(403, "AccessDenied", "not you"), scenario, monkeypatch))


def test_without_credentials_an_archive_says_that_they_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    point_at("http://127.0.0.1:9", monkeypatch)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")

    async def scenario(archive: ArchiveStore) -> None:
        with pytest.raises(ArchiveError) as raised:
            await archive.put("k", b"x", ONE)
        assert (raised.value.code, raised.value.fault) == ("NoCredentialsError", Fault.CONFIG)
        assert not raised.value.retryable

    run(lambda: open_s3_archive("b"), scenario)


@pytest.mark.parametrize(("region", "signed"), [("eu-west-1", "eu-west-1"), (None, "ap-south-1")])
def test_an_archive_is_asked_in_the_region_that_is_given_else_in_that_of_the_environment(
    region: str | None, signed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        def handle(request: Request) -> bytes:
            assert f"/{signed}/s3/aws4_request" in request.headers["authorization"]
            return WRITTEN

        async with asyncio.timeout(60), raw_server(serving(handle)) as server:
            point_at(server.url, monkeypatch)
            monkeypatch.setenv("AWS_REGION", "ap-south-1")
            monkeypatch.delenv("AWS_DEFAULT_REGION")
            async with open_s3_archive("b", region=region) as archive:
                assert await archive.put("k", b"x", ONE) == Stored("k", True)

    asyncio.run(main())
