"""
The operator's program ``setpoint``: a client of the Kubernetes API like any other.

``cli.up`` starts everything on one machine for trying and testing. Nothing imports this package.
"""
