"""Events and their delivery: outbox, relay, transports, inbox, consumers, dead letters."""
