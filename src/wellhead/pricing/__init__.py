"""Pricing: what a call costs.  Values in, values out.  No clock, no await, no log.

::

    shipped.py  models_dev.py  overrides.py   three ways in which prices are written down -> Layer
    names.py  layer.py                        what models are called, and who sells them
    catalogue.py  (provider, model, moment)   -> Match: the rate that holds, and how it was found
    tiers.py      (rate, tier, moment)        -> the sheets of that tier
    steps.py      Anthropic's extra usage     -> speed, place, and steps of other models
    quote.py      (usage, rate)               -> Quote: disjoint lines in whole nano-dollars
                  (catalogue, call)           -> Priced: priced, pending or unpriceable, and why

Unknown is never 0: what cannot be priced exactly is pending, with a reason.
"""
