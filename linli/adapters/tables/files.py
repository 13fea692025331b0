"""A file, folder or zip of tables, opened by what it is called."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from linli.adapters.tables.bounds import check_size, open_zip, refused
from linli.adapters.tables.csvtables import csv_file, files_in, files_of
from linli.registry.tables.importing import Sheet

WORKBOOKS = (".xlsx", ".xlsm")


@contextmanager
def sheets_of(file: Path, table: str | None = None) -> Iterator[Sequence[Sheet]]:
    """The tables in `file`, open until the end of the block. `table`: what the table of a single CSV file is, if it is not
    called so. Refused, with what to do, for what cannot be read at all."""
    if file.is_dir():
        yield files_of(file)
        return
    if not file.exists():
        raise refused("no_file", f"没有文件 {file}", f"there is no file {file}")
    check_size(file)
    suffix = file.suffix.lower()
    if suffix == ".csv":
        yield [csv_file(file, table)]
    elif suffix == ".zip":
        with open_zip(file) as archive:
            yield files_in(archive, file.name)
    elif suffix in (*WORKBOOKS, ".xls"):
        from linli.adapters.tables.workbook import workbook

        with workbook(file) as sheets:
            yield sheets
    else:
        raise refused(
            "unknown_file",
            f"{file.name}：只认 .xlsx、.csv、.zip（内含 .csv）和文件夹",
            f"{file.name}: tables are .xlsx, .csv, a .zip of .csv files or a folder of them",
        )
