"""
One module per command: what it takes, what it prints, with which code it ends.

A command imports what it needs when it runs, so that `setpoint --help` stays quick.
"""
