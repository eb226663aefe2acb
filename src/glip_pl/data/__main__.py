"""The command `python -m glip_pl.data`; its code is in `glip_pl.inspection.commands`."""

from importlib import import_module

import_module("glip_pl.inspection.commands").main()
