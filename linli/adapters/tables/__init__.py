"""Files of tables: CSV (a file, a folder, a zip of them) and Excel workbooks, for `linli.registry.tables`.

What comes in is bounded before it is read: a file that would need more than `bounds` says is refused with a word about it.
"""
