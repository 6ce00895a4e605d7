"""Events: sent, taken and handled."""

from app.audit.rule import Rule
from app.settings import DOMAINS

DELIVERY = (
    Rule(
        name="events.sent",
        domains=DOMAINS,
        sentence="No event waits to be sent.",
        query=" UNION ALL ".join(
            f"SELECT '{domain}' AS domain, id AS event, name FROM {domain}.outbox WHERE sent_at IS NULL"
            for domain in DOMAINS
        ),
        hint="Is the broker there, and a gateway or worker running? `/readyz` says.",
    ),
    Rule(
        name="events.handled",
        domains=DOMAINS,
        sentence="No event waits to be handled again.",
        query=" UNION ALL ".join(
            f"SELECT '{domain}' AS domain, event_id AS event, name FROM {domain}.inbox WHERE state = 'pending'"
            for domain in DOMAINS
        ),
        hint="The log of the domain's worker says why its handler failed.",
    ),
    Rule(
        name="events.dead",
        domains=DOMAINS,
        sentence="No event is a dead letter.",
        query=" UNION ALL ".join(
            f"SELECT '{domain}/' || dashed(event_id) AS letter, name, error FROM {domain}.inbox WHERE state = 'dead'"
            for domain in DOMAINS
        ),
        hint="`bookstall dead-letters show LETTER`, then replay or discard it.",
        always=True,
    ),
    Rule(
        name="events.taken",
        domains=DOMAINS,
        sentence="An event that was sent is with every domain that reacts to it.",
        query=" UNION ALL ".join(
            f"""
            SELECT '{owner}' AS sender, id AS event, outbox.name, '{domain}' AS missing_at
            FROM limits, consumers, {owner}.outbox LEFT JOIN {domain}.inbox ON event_id = id
            WHERE consumers.domain = '{domain}' AND consumers.event = outbox.name
                AND sent_at IS NOT NULL AND id > recent AND event_id IS NULL"""
            for owner in DOMAINS
            for domain in DOMAINS
        ),
        hint="It is in the queue of a domain without a worker, or the queue was lost: docs/operations.md, Back up.",
    ),
)
