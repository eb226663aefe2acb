"""Positions of words, without PyTorch."""

import subprocess
import sys


def test_processes_that_index_data_do_not_import_pytorch() -> None:
    formats = ", ".join(f"glip_pl.data.formats.{name}" for name in ("odvg", "tsv", "voc", "yolo"))
    code = f"import sys, glip_pl.data.range_process, {formats}, glip_pl.data.formats.web_shards; "
    words = [sys.executable, "-c", f"{code}print('torch' in sys.modules)"]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == "False\n"
