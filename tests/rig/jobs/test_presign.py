from __future__ import annotations

import datetime
from pathlib import Path
from urllib.parse import urlsplit

import botocore.auth
import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from rig.clock import FakeClock
from rig.jobs import sigv4
from rig.jobs.access_key import AccessKey
from rig.jobs.presign import Access, Presigner

KEY = AccessKey("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
BASE = "http://127.0.0.1:8080"
ODD_KEYS = ["firmware.bin", "a/b c.bin", "ä/+%&=?#.bin", "../up", "~tilde_-.", "a//b"]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(1_700_000_000.25)


@pytest.fixture
def presigner(clock: FakeClock) -> Presigner:
    return Presigner(KEY, clock, BASE)


def check(presigner: Presigner, url: str, method: str = "GET", path: str = "") -> Access:
    parts = urlsplit(url)
    asked = path or sigv4.decode_query(parts.path)[0][0]
    return presigner.check(method, asked, sigv4.decode_query(parts.query), parts.netloc)


@pytest.mark.parametrize("key", ODD_KEYS)
def test_botocore_makes_the_same_signature(
    presigner: Presigner, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    now = datetime.datetime.fromtimestamp(clock.now(), datetime.UTC)
    monkeypatch.setattr(
        botocore.auth, "get_current_datetime", lambda remove_tzinfo=True: now.replace(tzinfo=None)
    )
    path = sigv4.encode_path(f"/images/{key}")
    request = AWSRequest("GET", f"{BASE}{path}")
    auth = S3SigV4QueryAuth(Credentials(KEY.key_id, KEY.secret), "s3", "us-east-1", expires=1800)
    auth.add_auth(request)
    theirs = dict(sigv4.decode_query(urlsplit(request.url).query))
    ours = dict(sigv4.decode_query(urlsplit(presigner.url("images", key, 1800)).query))
    assert ours == theirs


@pytest.mark.parametrize("key", ODD_KEYS)
def test_what_is_signed_is_granted(presigner: Presigner, key: str) -> None:
    url = presigner.url("images", key, 60)
    query = sigv4.decode_query(urlsplit(url).query)
    assert presigner.check("GET", f"/images/{key}", query, "127.0.0.1:8080") is Access.GRANTED


def test_it_expires_and_not_before(presigner: Presigner, clock: FakeClock) -> None:
    url = presigner.url("images", "a", 60)
    clock.advance(59.75)
    assert check(presigner, url) is Access.GRANTED
    clock.advance(1)
    assert check(presigner, url) is Access.EXPIRED
    assert check(presigner, presigner.url("images", "a", 60)) is Access.GRANTED


def test_it_is_bound_to_method_path_host_and_key(presigner: Presigner, clock: FakeClock) -> None:
    url = presigner.url("images", "a", 60)
    assert check(presigner, url, method="HEAD") is Access.WRONG
    assert check(presigner, url, path="/images/b") is Access.WRONG
    assert check(presigner, url.replace("127.0.0.1", "127.0.0.2")) is Access.WRONG
    other = Presigner(AccessKey(KEY.key_id, "another"), clock, BASE)
    assert check(other, url) is Access.WRONG
    renamed = Presigner(AccessKey("AKIDOTHER", KEY.secret), clock, BASE)
    assert check(renamed, url) is Access.WRONG
    head = presigner.url("images", "a", 60, method="HEAD")
    assert check(presigner, head, method="HEAD") is Access.GRANTED


@pytest.mark.parametrize(
    ("old", "new", "access"),
    [
        ("Expires=60", "Expires=61", Access.WRONG),
        ("Expires=60", "Expires=x", Access.MALFORMED),
        ("Expires=60", "Expires=0", Access.MALFORMED),
        ("Expires=60", "Expires=99999999", Access.MALFORMED),
        ("Expires=60&", "", Access.MALFORMED),
        ("Expires=60&", "Expires=60&X-Amz-Expires=60&", Access.MALFORMED),
        ("X-Amz-Signature=", "X-Amz-Nothing=", Access.NO_SIGNATURE),
        ("SignedHeaders=host", "SignedHeaders=", Access.MALFORMED),
        ("Algorithm=AWS4-HMAC-SHA256", "Algorithm=none", Access.MALFORMED),
        ("aws4_request", "aws5_request", Access.MALFORMED),
        ("%2Fs3%2F", "%2Fiot%2F", Access.MALFORMED),
        ("X-Amz-Date=2023", "X-Amz-Date=2024", Access.MALFORMED),
        ("X-Amz-Date=2023", "X-Amz-Date=abcd", Access.MALFORMED),
        ("us-east-1", "us-east-2", Access.WRONG),
        ("X-Amz-Algorithm", "response-content-type=x&X-Amz-Algorithm", Access.WRONG),
    ],
)
def test_nothing_in_the_query_may_change(
    presigner: Presigner, old: str, new: str, access: Access
) -> None:
    url = presigner.url("images", "a", 60)
    assert old in url
    assert check(presigner, url.replace(old, new, 1)) is access


def test_a_changed_signature_is_wrong_whatever_it_is(presigner: Presigner) -> None:
    url = presigner.url("images", "a", 60)
    for end in ("0", "1", "", "é", "%00"):
        assert check(presigner, url[:-1] + end) in {Access.WRONG, Access.GRANTED}
    assert sum(check(presigner, url[:-1] + d) is Access.WRONG for d in "0123456789abcdef") == 15


def test_a_url_from_the_future_is_refused(presigner: Presigner, clock: FakeClock) -> None:
    early = FakeClock(clock.now() + 1000)
    url = Presigner(KEY, early, BASE).url("images", "a", 60)
    assert check(presigner, url) is Access.EXPIRED


def test_urls_are_short(presigner: Presigner) -> None:
    url = presigner.url("images", "AFR_OTA-0123456789abcdef.bin", 3600)
    assert len(url) < 400


def test_a_key_file_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "control.json"
    key = AccessKey.load_or_generate(path)
    assert AccessKey.load_or_generate(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert key.secret not in repr(key)
    assert key != AccessKey.generate()


def test_bytes_that_are_no_text_are_malformed(presigner: Presigner) -> None:
    """A server hands them on as lone surrogates, which have no bytes to sign."""
    url = presigner.url("images", "a", 60)
    assert check(presigner, url, path="/images/\udceb") is Access.MALFORMED
    assert check(presigner, f"{url}&x=\udceb") is Access.MALFORMED
