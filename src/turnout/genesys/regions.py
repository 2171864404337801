"""Where Genesys Cloud lives: the hosts of each AWS region, and overrides for gateways, stubs and regions to come.

Source: the region table of Genesys Cloud's developer documentation. There is no host per organisation.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import NamedTuple
from urllib.parse import urlsplit

from turnout.urls import leads_to_a_server

__all__ = ["DOMAINS", "Hosts", "hosts"]

DOMAINS = {
    "us-east-1": "mypurecloud.com",
    "us-east-2": "use2.us-gov-pure.cloud",  # FedRAMP
    "us-west-2": "usw2.pure.cloud",
    "ca-central-1": "cac1.pure.cloud",
    "mx-central-1": "mxc1.pure.cloud",
    "sa-east-1": "sae1.pure.cloud",
    "eu-west-1": "mypurecloud.ie",
    "eu-west-2": "euw2.pure.cloud",
    "eu-central-1": "mypurecloud.de",
    "eu-central-2": "euc2.pure.cloud",
    "eusc-de-east-1": "edee1.eusc-pure.cloud",
    "me-central-1": "mec1.pure.cloud",
    "ap-south-1": "aps1.pure.cloud",
    "ap-southeast-1": "apse1.pure.cloud",
    "ap-southeast-2": "mypurecloud.com.au",
    "ap-northeast-1": "mypurecloud.jp",
    "ap-northeast-2": "apne2.pure.cloud",
    "ap-northeast-3": "apne3.pure.cloud",
}

_PREFIX = re.compile(r"\A(?:https?://)?(?:api\.|login\.|apps\.)?")
_PATH_CHARACTERS = re.compile(r"[A-Za-z0-9._~/-]*")


class Hosts(NamedTuple):
    """Base URLs, without a slash at the end."""

    api: str
    login: str


def hosts(region: str = "", *, api_url: str = "", login_url: str = "") -> Hosts:
    """The base URLs for a region (`eu-west-1`) or a domain of Genesys (`mypurecloud.ie`).

    A URL that is given takes the place of the region's. With an API URL alone, logging in happens at the same place,
    or at its `login.` host when it is an `api.` host. Raises `ValueError` with a sentence for the operator.
    """
    if api_url:
        api = _base_url(api_url)
        login = _base_url(login_url) if login_url else api.replace("//api.", "//login.", 1)
        return Hosts(api, login)
    domain = _domain(region)
    return Hosts(f"https://api.{domain}", _base_url(login_url) if login_url else f"https://login.{domain}")


def _domain(region: str) -> str:
    name = region.strip().lower().rstrip("/")
    if not name:
        raise ValueError(
            "is not set: the region of the organisation, such as eu-west-1 or mypurecloud.ie; another service "
            "needs TURNOUT_GENESYS_API_URL"
        )
    if name in DOMAINS:
        return DOMAINS[name]
    bare = _PREFIX.sub("", name)
    if bare in DOMAINS.values():
        return bare
    close = get_close_matches(bare, [*DOMAINS, *DOMAINS.values()], n=1, cutoff=0.6)
    hint = f"; did you mean {close[0]}?" if close else ""
    raise ValueError(f"{region!r} is no region of Genesys Cloud{hint} (for one not listed set TURNOUT_GENESYS_API_URL)")


def _base_url(url: str) -> str:
    parts = urlsplit(url.strip()) if leads_to_a_server(url.strip()) else None
    if parts is None or parts.query or parts.fragment or not _PATH_CHARACTERS.fullmatch(parts.path):
        raise ValueError("must look like https://api.example.com, without a query")
    if "@" in parts.netloc:
        raise ValueError("must not hold a user or password")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
