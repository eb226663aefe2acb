"""The benchmarks run and print ratios; their figures are for people to read."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]


def run(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *words], check=True, capture_output=True, text=True, cwd=TOP
    )
    return done.stdout


@pytest.mark.slow
def test_layers() -> None:
    ratios = re.findall(r"ratio +([\d.]+)", run("scripts.bench_layers"))
    assert len(ratios) == 15
    assert all(float(ratio) > 0 for ratio in ratios)


@pytest.mark.slow
def test_samples_come_faster_than_85_percent_of_decoding_and_resizing() -> None:
    said = run("scripts.bench_data", "--copies", "4", "--rounds", "3")
    share = re.findall(r"share of the possible +([\d.]+) %", said)
    assert float(share[0]) > 85


@pytest.mark.slow
def test_figures_of_lvis_minivals_size_take_less_than_a_minute() -> None:
    said = run("scripts.bench_evaluation", "--coco-images", "200", "--rounds", "1")
    assert float(re.findall(r"300 detections: ([\d.]+) s", said)[0]) < 60
    assert float(re.findall(r"peak memory ([\d.]+) GB", said)[0]) < 4
    assert float(re.findall(r"ratio ([\d.]+)", said)[0]) > 5
    assert float(re.findall(r"differ by (\S+) at most", said)[0]) < 1e-9


@pytest.mark.slow
def test_an_image_encoded_once_finds_what_the_whole_model_finds() -> None:
    words = ["--model", "glip_t_a", "--categories", "203", "--height", "320", "--width", "480"]
    said = run("scripts.bench_vocabulary", *words)
    assert float(re.findall(r"ratio +([\d.]+)", said)[0]) > 3
    assert float(re.findall(r"scores within (\S+),", said)[0]) < 1e-4


@pytest.mark.slow
def test_an_index_is_made_and_shared_by_workers() -> None:
    said = run("scripts.bench_index", "--images", "3000")
    assert "indexed 3000 images" in said
    added = re.findall(r"four add ([\d.]+) MB", said)
    assert float(added[0]) < 300


@pytest.mark.slow
def test_a_step_of_glip_t_stays_under_eight_gigabytes() -> None:
    said = run("scripts.bench_step", "--model", "glip_t", "--steps", "1")
    memory = re.findall(r"peak memory +([\d.]+) GB", said)
    assert len(memory) == 2
    assert float(memory[0]) < 8
