"""`import dive_into_vision` makes `import utils` mean the course's package, whatever else bears that name.

`utils` is what everybody calls a helper folder. A stray `utils.py` beside a notebook, on PYTHONPATH or in
site-packages would win over ours; this uniquely named module is found first and loads the right one.
"""

import sys
from importlib import util
from pathlib import Path

_FOLDER = Path(__file__).resolve().parent / "utils"


def _claim_utils() -> None:
    present = sys.modules.get("utils")
    if present is not None and Path(getattr(present, "__file__", None) or "").parent == _FOLDER:
        return
    for name in [name for name in sys.modules if name == "utils" or name.startswith("utils.")]:
        del sys.modules[name]
    spec = util.spec_from_file_location(
        "utils", _FOLDER / "__init__.py", submodule_search_locations=[str(_FOLDER)]
    )
    module = util.module_from_spec(spec)
    sys.modules["utils"] = module
    spec.loader.exec_module(module)


_claim_utils()
