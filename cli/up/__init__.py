"""
What `setpoint up` starts on one machine, and how it is built.

Each module owns one program or one file of the running system. Nothing here is imported by the
services, and nothing here decides what they do.
"""
