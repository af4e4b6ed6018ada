"""
notifier: consume, match, format, deliver; receive, poke.

Each Provider has one lane of durable deliveries. An inbound webhook only ever says "look now".
"""
