"""A benchmark's gates as JUnit XML, which CI systems show and count.

One ``testsuite`` a bundle and target, one ``testcase`` a gate: failed, skipped if inconclusive (failed
with ``fail_on_noise``), else passed. Elements, attributes and their order are those that Jenkins
documents; pytest and others write the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.etree import ElementTree

from edgegan.benchmark import Row
from edgegan.checks.check import Check, Verdict
from edgegan.latency.environment import Environment

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write."""


def junit_xml(rows: list[Row], here: Environment, fail_on_noise: bool) -> str:
    """The whole document.

    Args:
        rows: measured and judged.
        here: where; becomes the suites' properties.
        fail_on_noise: whether inconclusive gates are failures.
    """
    root = ElementTree.Element("testsuites", name="edgegan benchmark")
    for row in rows:
        _suite(root, row, here, fail_on_noise)
    cases, failures = list(root.iter("testcase")), list(root.iter("failure"))
    _set(root, tests=len(cases), failures=len(failures), errors=0)
    _set(root, time=f"{sum(row.seconds for row in rows):.3f}")
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, "unicode") + "\n"


def _suite(
    root: ElementTree.Element, row: Row, here: Environment, fail_on_noise: bool
) -> ElementTree.Element:
    suite = ElementTree.SubElement(root, "testsuite")
    _set(suite, name=f"{row.bundle}/{row.target}")
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in _properties(row, here).items():
        _set(ElementTree.SubElement(properties, "property"), name=name, value=value)
    for check in row.checks:
        _case(suite, row, check, fail_on_noise)
    counts = {tag: len(list(suite.iter(tag))) for tag in ("testcase", "failure", "skipped")}
    _set(suite, tests=counts["testcase"], failures=counts["failure"], errors=0)
    _set(suite, skipped=counts["skipped"], time=f"{row.seconds:.3f}")
    return suite


def _case(suite: ElementTree.Element, row: Row, check: Check, fail_on_noise: bool) -> None:
    case = ElementTree.SubElement(suite, "testcase")
    _set(case, classname=f"{row.bundle}.{row.target}", name=check.name, time=0)
    text = _lines(check)
    if check.verdict is Verdict.FAIL or (check.verdict is Verdict.INCONCLUSIVE and fail_on_noise):
        failure = ElementTree.SubElement(case, "failure")
        _set(failure, type=str(check.verdict), message=_message(check))
        failure.text = _printable(text)
    elif check.verdict is Verdict.INCONCLUSIVE:
        _set(ElementTree.SubElement(case, "skipped"), message=_message(check))
    ElementTree.SubElement(case, "system-out").text = _printable(text)


def _message(check: Check) -> str:
    """One line: what a CI system shows in its list."""
    if check.verdict is Verdict.INCONCLUSIVE:
        return f"inconclusive: {check.detail}"
    return f"{check.value:.10g} is not {check.limit}"


def _lines(check: Check) -> str:
    lines = [f"value: {check.value:.10g}"]
    if check.interval is not None:
        lines.append(f"95 % interval: {check.interval[0]:.10g} to {check.interval[1]:.10g}")
    if check.limit is not None:
        lines.append(f"limit: {check.limit}")
    return "\n".join([*lines, f"verdict: {check.verdict}", f"how: {check.detail}"])


def _properties(row: Row, here: Environment) -> Mapping[str, object]:
    return {
        "cpu": here.cpu,
        "flags": " ".join(here.flags),
        "cores": here.cores,
        "system": here.system,
        "python": here.python,
        **here.packages,
        **({} if row.speed is None else {"threads": row.speed.threads, "batch": row.speed.batch}),
    }


def _set(element: ElementTree.Element, **attributes: object) -> None:
    for name, value in attributes.items():
        element.set(name, _printable(str(value)))


def _printable(text: str) -> str:
    """Characters that XML cannot hold as Python escapes."""
    return _NOT_XML.sub(lambda found: ascii(found.group())[1:-1], text)
