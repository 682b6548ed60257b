r"""Configuration: every setting, where its value may come from, and what is wrong with it.

::

    wellhead.yaml   .env + environment   flags
          \               |               /
           `------- load.load ------------'      later layers win; each value keeps its origin
                          |
                      Settings                   plain frozen values, read once, handed out in pieces

`settings` says what there is, `values` how one value is read, `providers` reads provider
entries, `aliases` the names of the source systems.  All mistakes are reported together.
"""
