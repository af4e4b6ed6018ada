"""
source: poll, fetch, verify, pack, publish.

Each declared source has one lane. The origin is asked for its head; only when it moved is it
fetched, packed byte-reproducibly, stored under its digest and read back; then the status says so
and the bus hears of it, in that order. Only this service deletes artifacts.
"""
