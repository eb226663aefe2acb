"""The benchmarks run, print their ratios and stay within loose bounds."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]


def run(*options: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *options], check=True, capture_output=True, text=True, cwd=TOP
    )
    return done.stdout


@pytest.mark.slow
def test_layers() -> None:
    ratios = re.findall(r"ratio +([\d.]+)", run("scripts.bench_layers"))
    assert len(ratios) == 15
    assert all(float(ratio) > 0 for ratio in ratios)


@pytest.mark.slow
def test_samples_come_faster_than_85_percent_of_decoding_and_resizing() -> None:
    printed = run("scripts.bench_data", "--copies", "4", "--rounds", "3")
    share = re.findall(r"share of the possible +([\d.]+) %", printed)
    assert float(share[0]) > 85


@pytest.mark.slow
def test_lvis_metrics_on_a_set_of_minivals_size_take_less_than_a_minute() -> None:
    printed = run("scripts.bench_evaluation", "--coco-images", "200", "--rounds", "1")
    assert float(re.findall(r"300 detections: ([\d.]+) s", printed)[0]) < 60
    assert float(re.findall(r"peak memory ([\d.]+) GB", printed)[0]) < 4
    assert float(re.findall(r"ratio ([\d.]+)", printed)[0]) > 5
    assert float(re.findall(r"differ by (\S+) at most", printed)[0]) < 1e-9


@pytest.mark.slow
def test_encoding_the_image_once_gives_the_detections_of_the_whole_model() -> None:
    options = ["--model", "glip_t_a", "--categories", "203", "--height", "320", "--width", "480"]
    printed = run("scripts.bench_vocabulary", *options)
    assert float(re.findall(r"ratio +([\d.]+)", printed)[0]) > 3
    assert float(re.findall(r"scores within (\S+),", printed)[0]) < 1e-4


@pytest.mark.slow
def test_workers_share_the_index_in_memory() -> None:
    printed = run("scripts.bench_index", "--images", "3000")
    assert "indexed 3000 images" in printed
    added = re.findall(r"four add ([\d.]+) MB", printed)
    assert float(added[0]) < 300


@pytest.mark.slow
def test_a_training_step_of_glip_t_takes_less_than_eight_gigabytes() -> None:
    printed = run("scripts.bench_step", "--model", "glip_t", "--steps", "1")
    memory = re.findall(r"peak memory +([\d.]+) GB", printed)
    assert len(memory) == 2
    assert float(memory[0]) < 8


@pytest.mark.slow
def test_the_loop_of_predict_is_compared_with_the_model(finding: Path) -> None:
    options = ["--ckpt", str(finding), "--count", "20", "--rounds", "3", "--device", "cpu"]
    printed = run("scripts.bench_predict", *options)
    assert "20 pictures of 640 x 480 pixels on cpu" in printed
    assert float(re.findall(r"ratio ([\d.]+)", printed)[0]) > 0


@pytest.mark.slow
def test_tiles_are_counted(finding: Path) -> None:
    options = ["--ckpt", str(finding), "--columns", "2", "--rows", "2", "--tiles", "160"]
    lines = run("scripts.bench_tiles", *options).splitlines()
    assert [line.split(":")[0] for line in lines] == ["tiles None", "tiles 160"]
