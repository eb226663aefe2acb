import subprocess
import sys

import numpy as np
import pytest

from glip_pl.training.callbacks.throughput import Throughput, peak_memory_gb
from tests.training.callbacks.lines import Line, trained


def test_a_line_tells_the_rate_and_the_time_left(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="glip_pl"):
        trained(Line(), [Throughput(every=0)])
    lines = [record.getMessage() for record in caplog.records if "images/s" in record.getMessage()]
    assert lines[-1].startswith("step 6 of 6, ")
    assert lines[-1].endswith("about 0 min left")
    assert "nan" not in lines[-1]  # no loss is averaged in this training


def test_memory_is_that_of_this_process() -> None:
    assert 0.05 < peak_memory_gb() < 100  # gigabytes: torch alone takes more than 50 MB


def test_commands_are_imported_where_python_has_no_module_resource(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "resource", None)  # as on Windows
    assert np.isnan(peak_memory_gb())
    script = (
        "import sys; sys.modules['resource'] = None\n"
        "import glip_pl.train, glip_pl.predict, glip_pl.training.callbacks.throughput"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
