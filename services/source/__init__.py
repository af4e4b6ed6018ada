"""
source: poll, fetch, publish, collect.

Each declared source has one lane. The origin is asked for its head; only when it moved is it
fetched, packed byte-reproducibly, stored under its digest and read back; then the status says so
and the bus hears of it, in that order. What no status refers to any more goes after a while; only
this service deletes artifacts. Git is spoken in child processes that can be killed (``adapters``).
"""
