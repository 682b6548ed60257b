"""The schema of the books, for every engine; migrations make exactly this.

Column names are the vocabulary's field names (`wellhead.call`, `wellhead.usage`);
whole numbers in the unit that the name says; NULL is "nobody said", never zero.

::

    base      what all are made with
    calls     calls, attempts, cost audits, rates
    rollups   what calls add up to
    access    projects, keys, credentials, limits, the audit
    running   workers, breakers, quotas, price lists
"""

from wellhead.database.schema.access import (
    admin_audit,
    credentials,
    key_use,
    keys,
    limit_windows,
    limits,
    projects,
    registry,
)
from wellhead.database.schema.base import ID, TOKEN_COLUMNS, metadata
from wellhead.database.schema.calls import attempts, calls, cost_audits, rates, request_forms, whole_calls
from wellhead.database.schema.rollups import (
    MEASURES,
    SPENDING_KEY,
    USAGE_KEY,
    USAGE_SUMS,
    closed_days,
    errors_daily,
    latency_removed,
    latency_total,
    model_sheets,
    models_hourly,
    origins_daily,
    session_sheets,
    usage_hourly,
    usage_keys,
    usage_sheets,
    usage_total,
)
from wellhead.database.schema.running import (
    breakers,
    metric_names,
    price_lists,
    quota_gauges,
    retention,
    workers,
)

__all__ = [
    "ID",
    "MEASURES",
    "SPENDING_KEY",
    "TOKEN_COLUMNS",
    "USAGE_KEY",
    "USAGE_SUMS",
    "admin_audit",
    "attempts",
    "breakers",
    "calls",
    "closed_days",
    "cost_audits",
    "credentials",
    "errors_daily",
    "key_use",
    "keys",
    "latency_removed",
    "latency_total",
    "limit_windows",
    "limits",
    "metadata",
    "metric_names",
    "model_sheets",
    "models_hourly",
    "origins_daily",
    "price_lists",
    "projects",
    "quota_gauges",
    "rates",
    "registry",
    "request_forms",
    "retention",
    "session_sheets",
    "usage_hourly",
    "usage_keys",
    "usage_sheets",
    "usage_total",
    "whole_calls",
    "workers",
]
