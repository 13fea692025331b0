"""The staff console: NiceGUI pages in the API's own app."""

from api.console.mount import mount

__all__ = ["mount"]
