"""Calls as files: the same columns in CSV, JSON, JSON lines and Parquet, however many calls there are.

::

    pages of rows  ->  formats.py  ->  csv_file.py | json_file.py | parquet_file.py  ->  pieces of a file
    (any source)       by name         one page in, one piece out

Nothing here reads a database or writes a file: rows come in by pages and pieces of
bytes go out, so that what is held in memory does not grow with the export.
"""
