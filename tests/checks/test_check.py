"""Verdicts."""

from __future__ import annotations

import json
import math

import pytest
from pydantic import ValidationError

from edgegan.checks.check import Check, Limit, Verdict, judge, judge_estimate, overall
from edgegan.latency.confidence import Estimate


@pytest.mark.parametrize(
    ("value", "limit", "verdict"),
    [
        (0.0, Limit(max=0), Verdict.PASS),
        (1.0, Limit(max=0), Verdict.FAIL),
        (2.0, Limit(min=2), Verdict.PASS),
        (1.9, Limit(min=2), Verdict.FAIL),
        (math.nan, Limit(max=1), Verdict.FAIL),
        (math.inf, Limit(min=1), Verdict.PASS),
        (5.0, None, Verdict.REPORTED),
    ],
)
def test_exact_values(value: float, limit: Limit | None, verdict: Verdict) -> None:
    assert judge(value, limit) is verdict


@pytest.mark.parametrize(
    ("low", "value", "high", "verdict"),
    [
        (2.1, 2.2, 2.3, Verdict.PASS),
        (1.7, 1.8, 1.9, Verdict.FAIL),
        (1.9, 2.1, 2.3, Verdict.INCONCLUSIVE),
    ],
)
def test_noisy_values(low: float, value: float, high: float, verdict: Verdict) -> None:
    assert judge_estimate(Estimate(value, low, high), Limit(min=2)) is verdict


def test_a_range_inside_its_interval_is_inconclusive() -> None:
    limit = Limit(min=1.9, max=2.1)
    assert judge_estimate(Estimate(2.0, 1.0, 3.0), limit) is Verdict.INCONCLUSIVE
    assert judge_estimate(Estimate(2.0, 1.95, 2.05), limit) is Verdict.PASS
    assert judge_estimate(Estimate(2.3, 2.2, 2.4), limit) is Verdict.FAIL
    assert judge_estimate(Estimate(math.nan, 1.95, 2.05), limit) is Verdict.FAIL


def test_overall_is_the_worst() -> None:
    assert overall([Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL]) is Verdict.FAIL
    assert overall([Verdict.PASS, Verdict.INCONCLUSIVE]) is Verdict.INCONCLUSIVE
    assert overall([Verdict.REPORTED]) is Verdict.PASS


def test_a_limit_needs_an_end() -> None:
    with pytest.raises(ValidationError):
        Limit()
    with pytest.raises(ValidationError):
        Limit(min=2, max=1)


@pytest.mark.parametrize(
    ("limit", "text"),
    [
        (Limit(max=0.27), "<= 0.27"),
        (Limit(min=2, max=2.5), ">= 2 and <= 2.5"),
        (Limit(max=20_123_456), "<= 20123456"),
        (Limit(max=999_999), "<= 999999"),
    ],
)
def test_limits_read_well(limit: Limit, text: str) -> None:
    assert str(limit) == text


def test_json_has_no_infinity() -> None:
    check = Check("psnr_db", "ort-x86", math.inf, None, Verdict.REPORTED)
    assert json.loads(json.dumps(check.as_json(), allow_nan=False))["value"] is None
