"""Loaded by every Python function before its own code: what unmodified functions expect of Amazon Linux.

AWS's rotation functions name the certificates of Amazon Linux, /etc/pki/tls/cert.pem. Where that file is missing, this
machine's are loaded in its place, or those of HOLDFAST_CA_BUNDLE. Drivers that are not installed are looked for last
in the folder of stand-ins beside this one.
"""

import os
import sys

AMAZON_LINUX = "/etc/pki/tls/cert.pem"


def _bundle():
    named = os.environ.get("HOLDFAST_CA_BUNDLE")
    if named:
        return named
    for place in ("/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem", "/etc/pki/tls/certs/ca-bundle.crt"):
        if os.path.exists(place):
            return place
    return AMAZON_LINUX


def _remap_in_ssl(module):
    load = module.SSLContext.load_verify_locations

    def load_verify_locations(self, cafile=None, capath=None, cadata=None):
        return load(self, _bundle() if cafile == AMAZON_LINUX else cafile, capath, cadata)

    module.SSLContext.load_verify_locations = load_verify_locations


class _WhenImported:
    """Changes a module right after its import: `ssl` costs time, and not every function needs it."""

    def find_spec(self, name, path=None, target=None):
        if name != "ssl":
            return None
        sys.meta_path.remove(self)
        import importlib.util

        spec = importlib.util.find_spec(name)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            _remap_in_ssl(module)

        spec.loader.exec_module = exec_module
        return spec


if os.environ.get("HOLDFAST_CA_BUNDLE") or not os.path.exists(AMAZON_LINUX):
    os.environ["HOLDFAST_CA_BUNDLE"] = _bundle()
    sys.meta_path.insert(0, _WhenImported())
sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "drivers"))
