"""The process of one import or export: `python -m api.registry.importing`, told on stdin what to do. A composition root."""

import logging
import os
import sys

from api.registry.importing.work import Tables, carry, leash
from linli.adapters.tables.files import sheets_of
from linli.adapters.tables.spool import Spools
from linli.adapters.tables.writers import template, written
from linli.datafolder import OWNER_ALONE
from linli.db.database import open_database
from linli.errors import LinliError


def main() -> int:
    """Do it; 0, or 1 for an export that is refused, with the reason as JSON on stdout."""
    os.umask(OWNER_ALONE)
    logging.basicConfig(level=logging.WARNING)
    task = leash()
    try:
        with Spools() as spools:
            carry(task, Tables(sheets_of, spools.new, written, template, open_database))
    except LinliError as error:
        sys.stdout.write(f"{error.text.zh}\n{error.text.en}\n")
        return 1
    return 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # at once: its locks are waited for, and an interpreter takes its time to end
