"""What can go wrong between a message and its mail."""


class MailRefused(Exception):
    """The mail will never be taken, whoever sends it how often: its address, say, cannot be."""


class MailUnavailable(Exception):
    """The mail was not taken now and may be later."""
