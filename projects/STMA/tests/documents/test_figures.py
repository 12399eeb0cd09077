"""Figures in several documents agree; those that commands print are in `test_commands`."""

from __future__ import annotations

import json
import re
from pathlib import Path

from stma_d2.evaluation import METRICS
from stma_d2.safe_yaml import parse_yaml
from stma_d2.version import __version__

PROJECT = Path(__file__).resolve().parents[2]
REPOSITORY = PROJECT.parents[1]
START = (PROJECT / "GETTING_STARTED.md").read_text()
NETWORK = "UCF101-24/STMA_DLA34_RX101_K5.yaml"


def test_the_recipes_compute_with_the_zoos_costs(zoo_costs):
    recipes = (PROJECT / "RECIPES.md").read_text()
    parameters, alone, in_video = zoo_costs(NETWORK)
    assert f"{parameters} parameters x 4 bytes" in recipes
    assert f"3 x 2 x {alone} GMAC" in recipes and f"2 x {in_video} GMAC" in recipes
    tflop_clip, tflop_window = 6 * float(alone) / 1000, 2 * float(in_video) / 1000
    assert f"; {tflop_clip:.1f} TFLOP, c" in recipes and f"; {tflop_window:.2f} TFLOP, c" in recipes


def test_the_shipped_networks_figures_are_those_of_its_record():
    (path,) = (PROJECT / "stma_d2/model_zoo/records").glob("Synthetic__STMA_tiny_K5.json")
    (evaluation,) = json.loads(path.read_text())["evaluations"]
    page = (PROJECT / "MODEL_ZOO.md").read_text()
    (row,) = re.findall(r"^\| `Synthetic/STMA_tiny_K5.yaml` \| `syn.*$", page, re.MULTILINE)
    for metric in ("frame_mAP@0.5", "video_mAP@0.5", "video_mAP@0.5:0.95"):
        assert f"| {evaluation['metrics'][metric]:.2f} |" in row
    frame, video = (evaluation["metrics"][metric] for metric in METRICS[:2])
    assert f"{frame:.2f} and {video:.2f}, the figures of" in START


def test_the_citation_has_what_its_format_requires():
    """Citation File Format 1.2.0: four keys of the file, three of a reference, an SPDX license."""
    citation = parse_yaml((REPOSITORY / "CITATION.cff").read_text(), "citation")
    assert citation.keys() >= {"cff-version", "message", "title", "authors"}
    assert (citation["cff-version"], citation["license"]) == ("1.2.0", "Apache-2.0")
    (paper,) = citation["references"]
    assert paper.keys() >= {"type", "title", "authors"}
    assert [author["family-names"] for author in paper["authors"]] == ["Zhang", "Zhao"]


def test_the_version_is_one():
    citation = parse_yaml((REPOSITORY / "CITATION.cff").read_text(), "citation")
    assert citation["version"] == __version__
    changes = (REPOSITORY / "CHANGELOG.md").read_text()
    sections = re.findall(r"^## \[(.+?)\](?: - (\S+))?$", changes, re.MULTILINE)
    assert sections[0] == ("Unreleased", "")
    assert sections[1][0] == __version__
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", date) for _, date in sections[1:])
    kinds = set(re.findall(r"^### (.+)$", changes, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
