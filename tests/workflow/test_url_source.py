"""A catalogue behind an address, through the whole workflow, from a server that misbehaves as real ones do."""

from harness import DATA, overlay, run
from misbehaving_server import Behaviour, serve

from discatlas.tables import read_columns, read_provenance

BODY = (DATA / "messy.csv").read_bytes()


def config(url):
    return f"""
atlas: {{samples: [from_url]}}
downloads: {{attempts: 3, backoff_s: 0.01, timeout_s: 5.0}}
catalogues:
  from_url:
    source: url
    url: {url}
    format: csv
    citation: made by tests/data/make_messy.py
    columns: {{name: Star, ra: {{column: "RA, ICRS", unit: rad}}, dec: DE, parallax: {{column: Plx, unit: arcsec}}, parallax_error: {{column: e_Plx, unit: arcsec}}}}
samples:
  from_url: {{title: from an address, catalogue: from_url, sun: zari2025, distance: inverse_parallax, cuts: []}}
"""


def atlas(tmp_path, behaviour, *targets, check=True):
    with serve(behaviour) as url:
        edit = overlay(tmp_path / "url.yaml", config(url))
        return run(tmp_path / "run", *targets, overlays=[edit], check=check)


def test_a_cut_connection_is_resumed_and_the_file_arrives_whole(tmp_path):
    behaviour = Behaviour(BODY, content_type="text/csv", cut_after=70_000, cuts=1)
    atlas(tmp_path, behaviour, "phase_space")
    first, second = (request.get("Range") for request in behaviour.requests)
    assert first is None
    assert 0 < int(second.removeprefix("bytes=").removesuffix("-")) <= 70_000
    results = tmp_path / "run/results"
    assert (results / "catalogues/raw/from_url").read_bytes() == BODY
    stars = read_columns(results / "phase_space/from_url.parquet")
    assert stars["R_kpc"].size == 404  # of 405 rows one has no declination
    assert (stars["v_phi_kms"] != stars["v_phi_kms"]).all()  # no velocity was declared: missing, not zero
    assert read_provenance(results / "catalogues/from_url.parquet")["source"].startswith("http://127.0.0.1")


def test_an_html_page_is_recognised_and_nothing_is_left(tmp_path):
    page = Behaviour(b"<!DOCTYPE html><html><body>Down for maintenance</body></html>", content_type="text/html")
    done = atlas(tmp_path, page, check=False)
    assert done.returncode != 0
    assert "download_catalogue:" in done.stdout
    assert "the server sent content of type text/html with status 200" in done.stdout
    assert "Traceback" not in done.stdout
    assert not (tmp_path / "run/results/catalogues/raw/from_url").exists()
