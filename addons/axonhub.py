"""The script of `mitmdump -s addons/axonhub.py`: claims the import name `axonhub`, then lists the addons in hook order.

Our packages are `axonhub.addons` and `axonhub.transformers`, but no folder is called `axonhub`: in a checkout the name
stands for the checkout itself, installed from a wheel for `site-packages/axonhub`. Both are the parent of this file's
folder, which is why one claim serves every way to run.
"""

import sys
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from pathlib import Path


def claim(name: str, folder: Path) -> None:
    """Makes `name` a namespace package that holds `folder` and its neighbours, and takes `folder` off `sys.path`.

    mitmproxy puts a script's folder first on `sys.path` and leaves it there: `import axonhub` would find this file, and
    each module beside it would hide a library of the same name. It does so again at each reload of the script.
    """
    sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != folder]
    location = str(folder.parent)
    if location not in getattr(sys.modules.get(name), "__path__", ()):
        spec = ModuleSpec(name, loader=None, is_package=True)
        spec.submodule_search_locations = [location]
        sys.modules[name] = module_from_spec(spec)


claim("axonhub", Path(__file__).resolve().parent)

from axonhub.addons.assembly import gateway, window
from axonhub.addons.capture import Capture
from axonhub.addons.launch import Launch
from axonhub.addons.settings import Settings

_settings = Settings()
_capture = Capture(_settings)
_gateway = gateway(_settings, _capture)
addons: list[object] = [Launch(_settings, _capture), *_gateway, *window(_settings, _gateway)]
