"""
The notifier's outside world: the bus, the API server, HTTP out, HTTP in, a file.

Each module implements ports with one library. Only the wiring may import them.
"""
