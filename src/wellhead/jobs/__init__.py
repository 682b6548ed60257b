"""Jobs: what the control process does in the background.

::

    runner.py    named loops: intervals, failures, and how each of them stands
    fetch.py     a document from the network, bounded in time and size
    prices.py    the price list of models.dev, fetched, looked at, and kept
    backfill.py  prices for calls that had none when they ended
    closing.py   what reports over long ranges read, made of days that are over
    retention.py calls that are older than they are to be kept
"""
