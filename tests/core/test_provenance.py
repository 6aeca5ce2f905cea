from __future__ import annotations

import hashlib

from core.provenance import compute_file_sha256, compute_sha256_of_values, find_versions


def test_the_checksum_of_a_file_is_that_of_its_bytes(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"roads" * 100_000)
    assert compute_file_sha256(path) == hashlib.sha256(b"roads" * 100_000).hexdigest()


def test_the_order_and_the_edges_of_values_count():
    assert compute_sha256_of_values(["a", "b"]) != compute_sha256_of_values(["b", "a"])
    assert compute_sha256_of_values(["ab", ""]) != compute_sha256_of_values(["a", "b"])
    same = [{"x": 1, "y": 2}], [{"y": 2, "x": 1}]
    assert compute_sha256_of_values(same[0]) == compute_sha256_of_values(same[1])


def test_versions_name_what_results_depend_on():
    versions = find_versions()
    assert versions["numpy"] != "not installed"
    assert versions["python"].startswith("3.")
