"""Pricing: what a call costs.  Values in, values out.  No clock, no await, no log.

::

    shipped.py  models_dev.py  overrides.py      three ways prices are written down -> Layer
    names.py                                     what a model is called, and who sells it
    catalogue.py   (provider, model, moment)     -> Match: the rate that holds, and how it was found
    tiers.py       (rate, service tier, moment)  -> the sheets of that tier
    quote.py       (usage, rate)                 -> Quote: disjoint lines, whole nano-dollars
    settle.py      one call                      -> Priced: priced, pending or unpriceable, and why

Unknown is never 0: what cannot be priced exactly is pending, with a reason.
"""
