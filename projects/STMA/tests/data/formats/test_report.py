"""What was left out is counted and named."""

from stma_d2.data.formats import Report


def test_reasons_have_counts_and_names():
    report = Report()
    for name in ("a", "a", "b", "c", "d"):
        report.drop("no box", name)
    report.note("seen", "x")
    assert report.lines() == ["dropped 5 x: no box (a, b, c, ...)", "note 1 x: seen (x)"]
    assert report.record() == {
        "dropped": [{"reason": "no box", "count": 5, "names": ["a", "a", "b", "c", "d"]}],
        "notes": [{"reason": "seen", "count": 1, "names": ["x"]}],
    }
