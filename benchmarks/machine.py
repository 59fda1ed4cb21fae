"""On what the figures were made: hardware, kernel and versions. Never the name or a path of the machine."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("holdfast", "apsw", "cryptography", "httptools", "msgspec", "uvloop", "moto", "werkzeug")


def describe(data: Path) -> dict[str, str]:
    """What a reader needs to judge the figures; `data` lies on the file system that the servers write to."""
    import apsw
    from cryptography.hazmat.backends.openssl.backend import backend

    kilobytes = int(_first("/proc/meminfo", r"MemTotal:\s*(\d+)") or 0)

    facts = {
        "CPU": _first("/proc/cpuinfo", r"model name\s*:\s*(.+)") or platform.machine(),
        "cores": str(os.cpu_count()),
        "memory": f"{kilobytes / 2**20:.0f} GiB",
        "virtual machine": "yes" if "hypervisor" in _first("/proc/cpuinfo", r"flags\s*:\s*(.+)") else "no",
        "file system": file_system(data),
        "kernel": f"{platform.system()} {_numbers(platform.release())}",
        "system": _first("/etc/os-release", r'PRETTY_NAME="?([^"\n]+)'),
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "SQLite": apsw.sqlite_lib_version(),
        "OpenSSL": _numbers(backend.openssl_version_text().removeprefix("OpenSSL ")),
    }
    for package in PACKAGES:
        try:
            facts[package] = version(package)
        except PackageNotFoundError:
            facts[package] = "not installed"
    facts["holdfast"] += f", {_form()}"
    return facts


def _form() -> str:
    """How the servers run that are measured: compiled or interpreted."""
    ask = "from holdfast import compiled; print(compiled.use())"
    return subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout.strip()


def load_average() -> float:
    """Processes that wanted a core in the last minute: above the number of cores, times are too long."""
    return os.getloadavg()[0]


def file_system(path: Path) -> str:
    """The kind of file system that holds `path`; a durable write means nothing on tmpfs."""
    best, kind = "", "unknown"
    for line in Path("/proc/mounts").read_text().splitlines():
        _, mount, found, *_ = line.split()
        inside = f"{path.resolve()}/".startswith(mount.rstrip("/") + "/")
        if inside and len(mount) >= len(best):
            best, kind = mount, found
    return kind


def _numbers(text: str) -> str:
    found = re.match(r"[\d.]+", text)
    return found.group().rstrip(".") if found else text


def _first(path: str, pattern: str) -> str:
    found = re.search(pattern, Path(path).read_text())
    return found.group(1).strip() if found else ""
