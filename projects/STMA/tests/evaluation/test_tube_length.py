"""Actions and videos that the rules of linking can never find are counted."""

from __future__ import annotations

from stma_d2.evaluation import get_protocol, too_short


def test_actions_and_videos_below_the_shortest_tube_are_counted(make):
    box = (0, 0, 9, 9)
    short, long = make.tube(1, 14, box), make.tube(3, 17, box)
    truth = make.annotate("ab", u=(14, [short]), v=(30, [long, short]), w=(30, [long]))
    published = get_protocol("moc")
    assert "2 of 3 annotated tubes and 1 of 2 videos are shorter than 15 frames" in (
        too_short(truth, ["u", "v"], published)
    )
    assert too_short(truth, ["w"], published) is None
    assert too_short(truth, ["u", "v", "w"], get_protocol("moc", min_tube_length=14)) is None
