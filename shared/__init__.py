"""
What more than one program needs: contracts (messages, api), values (model, artifact), plumbing.

It holds no decision of a service, no adapter with one user and no settings. Every program may
import it; it imports no program.
"""
