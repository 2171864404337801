"""Settings of Genesys, and the hosts they lead to."""

import pickle
import re

import msgspec
import pytest

from turnout.errors import SettingsError
from turnout.genesys.config import GenesysConfig, load_genesys_config, variable
from turnout.genesys.regions import DOMAINS, Hosts, hosts
from turnout.genesys.secret import Secret, masked

CLIENT = {
    "TURNOUT_GENESYS_CLIENT_ID": "c-1",
    "TURNOUT_GENESYS_CLIENT_SECRET": "hunter2-hunter2",
    "TURNOUT_GENESYS_REGION": "eu-west-1",
}


def problems(**environ: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load_genesys_config(CLIENT | environ)
    assert "hunter2" not in str(caught.value)
    return caught.value.problems


def test_region_and_client_are_all_that_must_be_set() -> None:
    config = load_genesys_config(CLIENT)
    assert config.hosts == Hosts("https://api.mypurecloud.ie", "https://login.mypurecloud.ie")
    assert (config.profile, config.client_auth, config.write_back) == ("genesys", "basic", "none")
    assert config.client_secret.reveal() == "hunter2-hunter2"


def test_the_names_that_genesyss_own_tools_use_work_as_well_and_ours_win() -> None:
    environ = {
        "GENESYSCLOUD_OAUTHCLIENT_ID": "theirs",
        "GENESYSCLOUD_OAUTHCLIENT_SECRET": "s",
        "GENESYSCLOUD_REGION": "us-east-1",
        "TURNOUT_GENESYS_CLIENT_ID": "ours",
    }
    config = load_genesys_config(environ)
    assert (config.client_id, config.region) == ("ours", "us-east-1")


def test_a_variable_of_nothing_but_spaces_is_not_set() -> None:
    assert problems(TURNOUT_GENESYS_CLIENT_SECRET=" \n") == (
        "TURNOUT_GENESYS_CLIENT_SECRET: is not set (or GENESYSCLOUD_OAUTHCLIENT_SECRET)",
    )
    theirs = {"TURNOUT_GENESYS_CLIENT_ID": " ", "GENESYSCLOUD_OAUTHCLIENT_ID": "theirs"}
    assert load_genesys_config(CLIENT | theirs).client_id == "theirs"


def test_what_a_text_must_look_like_is_said_in_full() -> None:
    assert problems(TURNOUT_GENESYS_ATTRIBUTE_PREFIX="1_0", TURNOUT_GENESYS_TOKEN_PATH="/a?b") == (
        "TURNOUT_GENESYS_ATTRIBUTE_PREFIX: must be a letter and then 2 to 63 letters, digits and any of _ . -",
        "TURNOUT_GENESYS_TOKEN_PATH: must be a path: a / and then letters, digits and any of . _ ~ / { } -",
    )


def test_a_region_that_is_none_is_told_by_the_variable_that_names_it() -> None:
    with pytest.raises(SettingsError) as caught:
        load_genesys_config({"GENESYSCLOUD_REGION": "eu-wst-1", "GENESYS_CLIENT_ID": "a", "GENESYS_CLIENT_SECRET": "b"})
    (problem,) = caught.value.problems
    assert problem.startswith("GENESYSCLOUD_REGION: 'eu-wst-1' is no region of Genesys Cloud; did you mean eu-west-1?")


def test_every_problem_is_told_at_once_and_names_its_variable() -> None:
    found = problems(
        TURNOUT_GENESYS_CLIENT_ID="",
        TURNOUT_GENESYS_REGION="eu-wst-1",
        TURNOUT_GENESYS_PROFILE="tutoriel",
        TURNOUT_GENESYS_ATTEMPTS="many",
        TURNOUT_GENESYS_PAGE_SIZE="0",
        TURNOUT_GENESYS_READ_SECONDS="nan",
        TURNOUT_GENESYS_REPLAY_PATH="https://elsewhere/",
    )
    assert found == (
        "TURNOUT_GENESYS_CLIENT_ID: is not set (or GENESYSCLOUD_OAUTHCLIENT_ID)",
        "TURNOUT_GENESYS_PROFILE: must be one of genesys, tutorial",
        "TURNOUT_GENESYS_READ_SECONDS: must be a number > 0.0",
        "TURNOUT_GENESYS_ATTEMPTS: must be a whole number",
        "TURNOUT_GENESYS_PAGE_SIZE: must be a whole number >= 1",
        "TURNOUT_GENESYS_REPLAY_PATH: must be a path: a / and then letters, digits and any of . _ ~ / { } -",
        "TURNOUT_GENESYS_REGION: 'eu-wst-1' is no region of Genesys Cloud; did you mean eu-west-1? (for one not "
        "listed set TURNOUT_GENESYS_API_URL)",
    )


def test_failed_events_need_their_profile_which_is_told_before_and_with_all_else_that_is_missing() -> None:
    with pytest.raises(SettingsError) as caught:
        load_genesys_config({}, failed_events=True)
    profile, client_id, secret, region = caught.value.problems
    assert profile.startswith("TURNOUT_GENESYS_PROFILE: must be tutorial, for a service that copied the tutorials; ")
    assert profile.endswith("there, read the dead-letter queue of your own EventBridge rule")
    assert client_id.startswith("TURNOUT_GENESYS_CLIENT_ID: is not set")
    assert secret.startswith("TURNOUT_GENESYS_CLIENT_SECRET: is not set")
    assert region.endswith("such as eu-west-1 or mypurecloud.ie; another service needs TURNOUT_GENESYS_API_URL")
    config = load_genesys_config(CLIENT | {"TURNOUT_GENESYS_PROFILE": "tutorial"}, failed_events=True)
    assert config.profile == "tutorial"


@pytest.mark.parametrize("field", ["client_secret", "client_id", "scope"])
def test_what_is_no_text_is_told_when_the_settings_are_read_and_not_shown(field: str) -> None:
    (found,) = problems(**{variable(field): "hunter2\udce9"})
    assert found == f"{variable(field)}: has bytes that are no text in UTF-8"


def test_a_writer_of_another_profile_is_refused() -> None:
    (found,) = problems(TURNOUT_GENESYS_WRITE_BACK="interaction")
    assert found.endswith("must be one of none, participant-attributes, external-tag")
    config = load_genesys_config(
        CLIENT | {"TURNOUT_GENESYS_WRITE_BACK": "interaction", "TURNOUT_GENESYS_PROFILE": "tutorial"}
    )
    assert config.write_back == "interaction"


def test_an_empty_path_says_that_the_service_lacks_it_and_one_without_its_id_is_refused() -> None:
    assert load_genesys_config(CLIENT | {"TURNOUT_GENESYS_INTERACTION_PATH": ""}).interaction_path == ""
    assert problems(TURNOUT_GENESYS_INTERACTION_PATH="/x", TURNOUT_GENESYS_FAILED_EVENTS_PATH="/y") == (
        "TURNOUT_GENESYS_FAILED_EVENTS_PATH: must contain {subscription_id}",
        "TURNOUT_GENESYS_INTERACTION_PATH: must contain {id}",
    )


@pytest.mark.parametrize("region", DOMAINS)
def test_each_region_has_an_api_and_a_login_host(region: str) -> None:
    domain = DOMAINS[region]
    expected = Hosts(f"https://api.{domain}", f"https://login.{domain}")
    assert hosts(region) == hosts(domain) == hosts(f"https://api.{domain}/") == hosts(region.upper()) == expected


@pytest.mark.parametrize(
    ("api", "login", "expected"),
    [
        ("https://api.new.example/", "", Hosts("https://api.new.example", "https://login.new.example")),
        ("https://myapi.example", "", Hosts("https://myapi.example", "https://myapi.example")),
        (" https://api.new.example/a/ ", "", Hosts("https://api.new.example/a", "https://login.new.example/a")),
        ("http://127.0.0.1:8080", "", Hosts("http://127.0.0.1:8080", "http://127.0.0.1:8080")),
        ("https://gw.example/genesys", "https://id.example", Hosts("https://gw.example/genesys", "https://id.example")),
        ("", "https://id.example", Hosts("https://api.mypurecloud.ie", "https://id.example")),
    ],
)
def test_urls_that_are_given_take_the_place_of_the_regions(api: str, login: str, expected: Hosts) -> None:
    assert hosts("eu-west-1", api_url=api, login_url=login) == expected


@pytest.mark.parametrize(
    "text",
    [" EU-west-1 ", "mypurecloud.ie", "apps.mypurecloud.ie", "login.mypurecloud.ie", "http://api.mypurecloud.ie/"],
)
def test_a_region_is_known_by_whatever_people_copy_from_their_browser(text: str) -> None:
    assert hosts(text) == Hosts("https://api.mypurecloud.ie", "https://login.mypurecloud.ie")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (" ", "is not set: the region of the organisation"),
        ("eu-west-11", "'eu-west-11' is no region of Genesys Cloud; did you mean eu-west-1?"),
        ("api.mypurecloud.i", "did you mean mypurecloud.ie?"),
        ("xyz", "'xyz' is no region of Genesys Cloud (for one not listed set TURNOUT_GENESYS_API_URL)"),
    ],
)
def test_what_is_no_region_is_told_with_the_one_that_may_be_meant(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        hosts(text)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x",
        "x",
        "https://",
        "https://:8443",
        "https://u:hunter2@x",
        "https://hunter2@x",
        "https://:hunter2@x",
        "https://x/?k=hunter2",
        "https://x/#hunter2",
        "https://x/a hunter2",
        "https://x/{hunter2}",
        "https://[",
        "https://x:0",
        "https://x:99999",
    ],
)
def test_what_is_no_base_url_is_refused_without_repeating_it(url: str) -> None:
    (api,) = problems(TURNOUT_GENESYS_API_URL=url)
    (login,) = problems(TURNOUT_GENESYS_LOGIN_URL=url)
    assert api.startswith("TURNOUT_GENESYS_API_URL: ")
    assert login.startswith("TURNOUT_GENESYS_LOGIN_URL: ")
    assert "hunter2" not in api + login


def test_a_secret_shows_itself_only_when_asked() -> None:
    config = load_genesys_config(CLIENT)
    secret = config.client_secret
    assert "hunter2" not in f"{config!r} {config} {secret} {secret!r} {vars(type(secret))}"
    with pytest.raises(TypeError):
        msgspec.json.encode(config)
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    assert secret == Secret("hunter2-hunter2") != Secret("hunter2")
    assert len({secret, Secret("hunter2-hunter2"), Secret("hunter2")}) == 2
    assert secret != "hunter2-hunter2"
    assert not Secret("")
    assert secret


def test_secrets_in_a_text_are_masked_the_longest_first() -> None:
    assert masked("a abc b", ["a", "abc", ""]) == "*** *** b"


def test_every_setting_has_a_variable() -> None:
    names = [field.name for field in msgspec.structs.fields(GenesysConfig)]
    assert all(variable(name).startswith("TURNOUT_GENESYS_") for name in names)
    assert len(names) == len(set(names))
