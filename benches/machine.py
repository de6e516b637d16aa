"""On what it was measured."""

import importlib.metadata
import os
import platform
import sysconfig
from pathlib import Path

PACKAGES = ("aioxide", "uvloop", "rloop")


def describe() -> dict[str, str]:
    """Returns what there is to know of the machine and of all versions, in words."""
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        # Without what a distribution or a host calls its own build.
        "system": f"{_system()}, {platform.system()} {platform.release().partition('-')[0]}",
        "load at the start": " ".join(f"{load:.1f}" for load in os.getloadavg()),
        "Python": f"{platform.python_implementation()} {platform.python_version()},"
        f" {platform.python_compiler()}",
        "built with": _build_flags(),
        **{package: _version(package) for package in PACKAGES},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.platform(terse=True)


def _build_flags() -> str:
    """Of the options of configure those that decide how fast it is."""
    told = sysconfig.get_config_var("CONFIG_ARGS") or ""
    options = [
        option
        for option in ("--enable-optimizations", "--with-lto", "--with-pydebug", "--disable-gil")
        if option in told
    ]
    level = [
        flag for flag in (sysconfig.get_config_var("PY_CFLAGS") or "").split() if flag[:2] == "-O"
    ]
    return " ".join([*options, *level[-1:]]) or "unknown"


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
