"""JUnit XML, read back by a library that knows nothing of us."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from edgegan.benchmark import Row
from edgegan.checks.check import Check, Limit, Verdict
from edgegan.checks.speed import Speed
from edgegan.latency.confidence import Estimate
from edgegan.latency.environment import Environment
from edgegan.latency.measure import Timing
from edgegan.latency.memory import Footprint
from edgegan.reports.junit import junit_xml

junitparser = pytest.importorskip("junitparser", reason="junitparser is not installed")

HERE = Environment("A CPU", ("avx2", "fma"), 2, "Linux x86_64", "3.11.7", {"onnxruntime": "1.2"})
CHECKS = (
    Check("latency.p50_ms", "ort-x86", 1.5, Limit(max=2), Verdict.PASS, "12 runs", (1.25, 1.75)),
    Check("size.bytes", "ort-x86", 1234567.0, Limit(max=1200000), Verdict.FAIL, "model.onnx"),
    Check("load_ms", "ort-x86", 9.0, Limit(max=9), Verdict.INCONCLUSIVE, "straddles", (8.0, 10.0)),
    Check("regression.p50_ms", "ort-x86", 1.5, None, Verdict.INCONCLUSIVE, "no row", (1.25, 1.75)),
)


def row(bundle: str = "dcgan", checks: tuple[Check, ...] = CHECKS) -> Row:
    timing, ratio = Timing(np.ones(10)), Estimate(1.0, 1.0, 1.0)
    speed = Speed({"quantized": timing}, ratio, ratio, threads=2, batch=4)
    return Row(bundle, "ort-x86", speed, {"quantized": Footprint((1.0,), (1,))}, checks, 1.25)


def read(text: str, folder: Path) -> junitparser.JUnitXml:
    path = folder / "gates.xml"
    path.write_text(text, encoding="utf-8")
    return junitparser.JUnitXml.fromfile(str(path))


@pytest.mark.parametrize(("fail_on_noise", "failures"), [(False, 2), (True, 6)])
def test_counts_are_those_of_the_library(
    tmp_path: Path, fail_on_noise: bool, failures: int
) -> None:
    document = read(junit_xml([row("a"), row("b")], HERE, fail_on_noise), tmp_path)
    assert [suite.name for suite in document] == ["a/ort-x86", "b/ort-x86"]
    assert (document.tests, document.failures, document.errors) == (8, failures, 0)
    assert document.time == 2.5
    written = [(s.tests, s.failures, s.errors, s.skipped) for s in document]
    for suite in document:
        suite.update_statistics()
    counted = [(s.tests, s.failures, s.errors, s.skipped) for s in document]
    assert written == counted == [(4, failures // 2, 0, 0 if fail_on_noise else 2)] * 2


def test_verdicts_become_results(tmp_path: Path) -> None:
    (suite,) = read(junit_xml([row()], HERE, False), tmp_path)
    passed, failed, noisy, unknown = suite
    assert [case.name for case in suite] == [check.name for check in CHECKS]
    assert {case.classname for case in suite} == {"dcgan.ort-x86"}
    assert passed.is_passed
    (failure,) = failed.result
    assert isinstance(failure, junitparser.Failure)
    assert (failure.type, failure.message) == ("fail", "1234567 is not <= 1200000")
    assert noisy.is_skipped and unknown.is_skipped
    assert noisy.result[0].message == "inconclusive: straddles"
    assert passed.system_out.splitlines() == [
        "value: 1.5",
        "95 % interval: 1.25 to 1.75",
        "limit: <= 2",
        "verdict: pass",
        "how: 12 runs",
    ]
    assert "interval" not in failed.system_out
    assert "limit" not in unknown.system_out


def test_noise_can_fail(tmp_path: Path) -> None:
    (suite,) = read(junit_xml([row()], HERE, True), tmp_path)
    (failure,) = list(suite)[2].result
    assert isinstance(failure, junitparser.Failure)
    assert (failure.type, failure.message) == ("inconclusive", "inconclusive: straddles")


def test_properties_are_the_environment(tmp_path: Path) -> None:
    (suite,) = read(junit_xml([row()], HERE, False), tmp_path)
    assert {p.name: p.value for p in suite.properties()} == {
        "cpu": "A CPU",
        "flags": "avx2 fma",
        "cores": "2",
        "system": "Linux x86_64",
        "python": "3.11.7",
        "onnxruntime": "1.2",
        "threads": "2",
        "batch": "4",
    }


def test_no_gates(tmp_path: Path) -> None:
    (suite,) = read(junit_xml([row(checks=())], HERE, True), tmp_path)
    assert (suite.tests, suite.failures, suite.skipped) == (0, 0, 0)


def test_what_xml_cannot_hold_is_escaped(tmp_path: Path) -> None:
    nasty = "a<&>\"'\x00\x1b[31m\x7f\ufffe\ud800 ä😀"
    check = Check("size.bytes", "ort-x86", 1.0, Limit(max=0), Verdict.FAIL, nasty)
    (suite,) = read(junit_xml([row(nasty, (check,))], HERE, False), tmp_path)
    expected = "a<&>\"'\\x00\\x1b[31m\x7f\\ufffe\\ud800 ä😀"
    assert suite.name == f"{expected}/ort-x86"
    assert next(iter(suite)).system_out.endswith(f"how: {expected}")


ALLOWED = {
    "testsuites": ({"name", "time", "tests", "failures", "errors", "disabled"}, ["testsuite"]),
    "testsuite": (
        {"name", "tests", "failures", "errors", "skipped", "time", "disabled", "hostname", "id",
         "package", "timestamp"},
        ["properties", "testcase", "system-out", "system-err"],
    ),
    "properties": (set(), ["property"]),
    "property": ({"name", "value"}, []),
    "testcase": (
        {"name", "classname", "time", "status", "assertions"},
        ["skipped", "error", "failure", "system-out", "system-err"],
    ),
    "failure": ({"type", "message"}, []),
    "skipped": ({"message"}, []),
    "system-out": (set(), []),
}  # fmt: skip
"""Attributes, and children in their order, of the JUnit XML that Jenkins documents."""


@pytest.mark.parametrize("fail_on_noise", [False, True])
def test_elements_are_those_that_jenkins_documents(fail_on_noise: bool) -> None:
    root = ElementTree.fromstring(junit_xml([row(), row("b", ())], HERE, fail_on_noise).encode())
    assert root.tag == "testsuites"
    for element in root.iter():
        attributes, children = ALLOWED[element.tag]
        assert set(element.keys()) <= attributes
        order = [children.index(child.tag) for child in element]
        assert order == sorted(order)
