"""What a command says when it cannot do its work: one clear line, and an exit code that is not 0."""


class Complaint(Exception):
    """The command cannot go on; the message is one line for whoever typed it."""
