"""Downloads against a real HTTP server on the loopback that misbehaves in every known way."""

import gzip
import hashlib
import json
import logging
import re
import socket
from contextlib import closing

import numpy as np
import pytest
from misbehaving_server import Behaviour, serve

import download_catalogue
from discatlas.downloads import download
from discatlas.errors import DiscatlasError

BODY = np.random.default_rng(7).bytes(300_000)
OTHER = np.random.default_rng(8).bytes(250_000)
HTML = b"\n<!DOCTYPE html><html><body>The archive is down for maintenance</body></html>" * 40
QUICK = {"attempts": 3, "backoff_s": 0.01, "timeout_s": 5.0}


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def target(tmp_path):
    return tmp_path / "raw" / "catalogue.fits"


def sha256(body):
    return "sha256:" + hashlib.sha256(body).hexdigest()


def leftovers(target):
    return sorted(path.name for path in target.parent.iterdir())


def ranges(rules):
    return [request.get("Range") for request in rules.requests]


@pytest.fixture
def pauses(monkeypatch):
    """The pauses made, which are not slept."""
    seconds = []
    monkeypatch.setattr("discatlas.downloads.time.sleep", seconds.append)
    return seconds


def test_whole_file_in_one_go(target):
    with serve(rules := Behaviour(BODY)) as url:
        download(url, target, digest=sha256(BODY), min_bytes=300_000, **QUICK)
    assert target.read_bytes() == BODY
    assert leftovers(target) == ["catalogue.fits"]
    assert ranges(rules) == [None]


def test_cut_once_is_resumed_where_it_stopped(target, caplog):
    with serve(rules := Behaviour(BODY, cut_after=131_072, cuts=1)) as url, caplog.at_level(logging.INFO):
        download(url, target, digest=sha256(BODY), **QUICK)
    assert target.read_bytes() == BODY
    assert len(rules.requests) == 2
    start = int(re.fullmatch(r"bytes=(\d+)-", rules.requests[1]["Range"])[1])
    assert 65_536 <= start <= 131_072
    assert rules.requests[1]["If-Range"] == '"version-1"'
    assert "cut before the end" in caplog.text
    assert f"resuming at {start:,} bytes" in caplog.text


def test_gzipped_file_that_is_labelled_as_an_encoding_stays_gzipped(target):
    body = gzip.compress(BODY, mtime=0)
    with serve(Behaviour(body, headers={"Content-Encoding": "gzip"}, cut_after=131_072, cuts=1)) as url:
        download(url, target, digest=sha256(body), **QUICK)
    assert target.read_bytes() == body


def test_resumes_by_date_where_the_etag_is_weak(target):
    rules = Behaviour(BODY, etag='W/"weak"', cut_after=131_072, cuts=1)
    with serve(rules) as url:
        download(url, target, **QUICK)
    assert target.read_bytes() == BODY
    assert rules.requests[1]["If-Range"] == rules.last_modified


def test_starts_over_where_nothing_identifies_the_version(target):
    with serve(rules := Behaviour(BODY, etag=None, last_modified=None, cut_after=131_072, cuts=1)) as url:
        download(url, target, **QUICK)
    assert target.read_bytes() == BODY
    assert ranges(rules) == [None, None]


def test_always_cut_keeps_the_partial_file_for_the_next_run(target):
    rules = Behaviour(BODY, cut_after=70_000, cuts=3)
    with serve(rules) as url:
        with pytest.raises(DiscatlasError, match=r"attempt 2 of 2\); [\d,]+ bytes are kept for the next run") as caught:
            download(url, target, attempts=2, backoff_s=0.01, timeout_s=5)
        assert "\n" not in str(caught.value)
        assert leftovers(target) == [".catalogue.fits.part", ".catalogue.fits.part.json"]
        kept = target.with_name(".catalogue.fits.part").read_bytes()
        assert len(kept) >= 2 * 65_536
        assert BODY.startswith(kept)
        download(url, target, **QUICK)
    assert rules.requests[2]["Range"] == f"bytes={len(kept)}-"
    assert target.read_bytes() == BODY
    assert leftovers(target) == ["catalogue.fits"]


def test_partial_file_of_another_url_is_not_resumed(target):
    with serve(rules := Behaviour(BODY, cut_after=131_072, cuts=1)) as url:
        with pytest.raises(DiscatlasError, match="kept for the next run"):
            download(url, target, attempts=1)
        download(f"{url}?release=2", target, **QUICK)
    assert ranges(rules) == [None, None]


def test_server_that_ignores_range_starts_over(target):
    with serve(rules := Behaviour(BODY, honours_range=False, cut_after=131_072, cuts=1)) as url:
        download(url, target, digest=sha256(BODY), **QUICK)
    assert ranges(rules)[0] is None
    assert ranges(rules)[1] is not None
    assert target.read_bytes() == BODY


@pytest.mark.parametrize("honours_if_range", [True, False])
def test_file_that_changes_midway_is_never_mixed(target, honours_if_range):
    rules = Behaviour(
        BODY, cut_after=131_072, cuts=1, change_at=2, changed_body=OTHER, honours_if_range=honours_if_range
    )
    with serve(rules) as url:
        download(url, target, **QUICK)
    assert target.read_bytes() == OTHER
    assert len(rules.requests) == (2 if honours_if_range else 3)


def test_whole_partial_file_is_delivered_without_asking_again(target):
    with serve(rules := Behaviour(BODY)) as url:
        download(url, target, **QUICK)
        target.rename(target.with_name(".catalogue.fits.part"))
        memory = {"address": hashlib.sha256(url.encode()).hexdigest(), "validator": '"version-1"', "total": 300_000}
        target.with_name(".catalogue.fits.part.json").write_text(json.dumps(memory))
        download(url, target, **QUICK)
    assert len(rules.requests) == 1
    assert target.read_bytes() == BODY


@pytest.mark.parametrize("status", [503, 429])
def test_busy_server_is_asked_again_after_its_pause(target, pauses, status):
    with serve(rules := Behaviour(BODY, statuses=[status, status], headers={"Retry-After": "7"})) as url:
        download(url, target, attempts=3, backoff_s=4.0)
    assert target.read_bytes() == BODY
    assert len(rules.requests) == 3
    assert pauses == [7.0, 8.0]


def test_pause_may_be_given_as_a_date(target, pauses):
    with serve(Behaviour(BODY, statuses=[503], headers={"Retry-After": "Fri, 31 Dec 2100 23:59:59 GMT"})) as url:
        download(url, target, attempts=2, backoff_s=1.0)
    assert pauses == [3600.0]


def test_back_off_doubles(target, pauses):
    with serve(Behaviour(BODY, statuses=[500, 502, 504, 503])) as url:
        download(url, target, attempts=5, backoff_s=1.5)
    assert pauses == [1.5, 3.0, 6.0, 12.0]


@pytest.mark.parametrize(
    ("status", "advice"), [(404, "check the url"), (401, "needs a login"), (403, "refuses access")]
)
def test_final_statuses_are_not_retried(target, status, advice):
    with (
        serve(rules := Behaviour(BODY, statuses=[status] * 5)) as url,
        pytest.raises(DiscatlasError, match=f"answered {status}.*{advice}"),
    ):
        download(url, target, **QUICK)
    assert len(rules.requests) == 1
    assert leftovers(target) == []


def test_stalling_server_times_out_and_is_resumed(target):
    with serve(rules := Behaviour(BODY, stalls=1)) as url:
        download(url, target, attempts=2, backoff_s=0.01, timeout_s=0.3)
    assert target.read_bytes() == BODY
    assert ranges(rules)[1] is not None


def test_server_that_stalls_for_ever(target):
    with (
        serve(Behaviour(BODY, stalls=9)) as url,
        pytest.raises(DiscatlasError, match=r"no data for 0.2 s \(attempt 2 of 2"),
    ):
        download(url, target, attempts=2, backoff_s=0.01, timeout_s=0.2)
    assert not target.exists()


@pytest.mark.parametrize("content_type", ["text/html; charset=utf-8", "application/octet-stream"])
def test_html_page_with_status_200_is_refused_at_once(target, content_type):
    with (
        serve(rules := Behaviour(HTML, content_type=content_type)) as url,
        pytest.raises(DiscatlasError, match=r"(HTML page|type text/html).*expected data"),
    ):
        download(url, target, **QUICK)
    assert len(rules.requests) == 1
    assert leftovers(target) == []


@pytest.mark.parametrize("content_type", ["text/html", "application/octet-stream"])
def test_html_page_instead_of_the_rest_leaves_the_partial_file(target, content_type):
    rules = Behaviour(BODY, cut_after=131_072, cuts=1, change_at=2, changed_body=HTML)
    with serve(rules) as url:
        with pytest.raises(DiscatlasError, match="kept for the next run"):
            download(url, target, attempts=1)
        rules.content_type = content_type
        with pytest.raises(DiscatlasError, match=r"(HTML page|type text/html)"):
            download(url, target, **QUICK)
    assert BODY.startswith(target.with_name(".catalogue.fits.part").read_bytes())


def test_content_type_can_be_demanded(target):
    with serve(Behaviour(BODY, content_type="image/png")) as url:
        with pytest.raises(DiscatlasError, match=r"type image/png with status 200, expected application/fits"):
            download(url, target, expected_types=["application/fits"], **QUICK)
        download(url, target, expected_types=["application/fits", "image/png"], **QUICK)
    assert target.read_bytes() == BODY


def test_body_shorter_than_announced_is_never_delivered(target):
    with (
        serve(rules := Behaviour(BODY, announced=len(BODY) + 1000, honours_range=False)) as url,
        pytest.raises(DiscatlasError, match="cut before the end"),
    ):
        download(url, target, **QUICK)
    assert len(rules.requests) == 3
    assert not target.exists()


def test_body_longer_than_announced_fails_its_digest(target):
    with serve(Behaviour(BODY, announced=200_000)) as url, pytest.raises(DiscatlasError, match="sha256 digest is"):
        download(url, target, digest=sha256(BODY), **QUICK)
    assert leftovers(target) == []


def test_digest_that_differs_names_both_and_leaves_nothing(target):
    target.parent.mkdir()
    target.write_bytes(b"earlier product")
    with serve(rules := Behaviour(BODY)) as url, pytest.raises(DiscatlasError) as caught:
        download(url, target, digest=sha256(OTHER), **QUICK)
    assert sha256(BODY).removeprefix("sha256:") in str(caught.value)
    assert sha256(OTHER).removeprefix("sha256:") in str(caught.value)
    assert "catalogue.fits" in str(caught.value)
    assert ".part" not in str(caught.value)
    assert len(rules.requests) == 1
    assert target.read_bytes() == b"earlier product"
    assert leftovers(target) == ["catalogue.fits"]


def test_file_below_the_smallest_size_is_refused(target):
    with (
        serve(Behaviour(b"too small")) as url,
        pytest.raises(DiscatlasError, match=r"announces 9 bytes, expected at least 1,000"),
    ):
        download(url, target, min_bytes=1000, **QUICK)
    assert leftovers(target) == []


def test_secrets_of_the_url_are_never_shown(target, caplog):
    with serve(Behaviour(BODY, statuses=[503, 404])) as url, caplog.at_level(logging.INFO):
        secret = url.replace("http://", "http://astronomer:hunter2@") + "?token=abc123"
        with pytest.raises(
            DiscatlasError, match=r"http://127.0.0.1:\d+/catalogue.fits\?…: the server answered 404"
        ) as caught:
            download(secret, target, **QUICK)
    assert not re.search("hunter2|abc123|astronomer", str(caught.value) + caplog.text)


def test_unreachable_server(target):
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(DiscatlasError, match=r"refused \(attempt 2 of 2\); nothing is kept") as caught:
        download(f"http://127.0.0.1:{port}/a?token=abc123", target, attempts=2, backoff_s=0.01, timeout_s=1)
    assert "abc123" not in str(caught.value)


@pytest.mark.parametrize("url", ["ftp://host/file", "catalogue.fits", "http:///file"])
def test_only_http_urls(target, url):
    with pytest.raises(DiscatlasError, match="starts with http:// or https://"):
        download(url, target)


def test_malformed_digest_is_found_before_the_download(target):
    with serve(rules := Behaviour(BODY)) as url:
        with pytest.raises(DiscatlasError, match=r"no algorithm 'sha265' \(nearest: 'sha256'\)"):
            download(url, target, digest="sha265:00")
        with pytest.raises(DiscatlasError, match="expected 64 hexadecimal digits"):
            download(url, target, digest="sha256:00")
    assert rules.requests == []


def test_script_of_the_rule(target):
    with serve(Behaviour(BODY, cut_after=131_072, cuts=1)) as url:
        download_catalogue.run(
            raw=target, url=url, digest=sha256(BODY), min_bytes=1000, attempts=3, backoff_s=0.01, timeout_s=5.0
        )
    assert target.read_bytes() == BODY
