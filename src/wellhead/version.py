"""The version of the installed package."""

from importlib import metadata


def version() -> str:
    try:
        return metadata.version("wellhead")
    except metadata.PackageNotFoundError:  # run from a source tree that was never installed
        return "0+source"
