"""The product's version, from its installed metadata."""

from importlib.metadata import version

VERSION = version("precheck")
