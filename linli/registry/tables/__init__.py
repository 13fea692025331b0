"""The registry as tables: one for each kind, in files of CSV and Excel, as people write them.

    file --adapter--> rows of raw cells --headings, cells--> values --identify--> which item a row is --compose--> items

Theory of operation. A table is read twice. The first time each row is understood by itself, and gets to know which item it
is about: by its id if it has one, else by its address and name, as people tell things apart. The second time, when all rows
of the kind are known, what a row refers to is looked up, and the item is made of what is registered and what the row says.
In between the rows lie in a file (`spool`), so that memory does not grow with the table. Nothing here does I/O itself: what
is registered is asked for by the port `directory.Registered`, and files are handed in by `linli.adapters.tables`.

Each fault is kept with its sheet, row and column and the work goes on, so that all are told at once. The file is taken if
there is none.
"""
