"""
The outside world behind the ports of this service, one client library each.
"""
