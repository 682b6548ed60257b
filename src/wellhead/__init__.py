"""Wellhead: the meter and the valve at the source of an organisation's LLM traffic.

Calls flow left to right and never back::

    client -> gateway -> upstream        the data plane: relay, and meter on the side
                 |
              ledger -> database         the books: pending, then settled, once
                           |
                        control          the control plane: reports

Who may import whom is in pyproject.toml (`[tool.importlinter]`) and is checked
by `make check`.
"""
