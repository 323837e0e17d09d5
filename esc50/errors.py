"""The one exception that is meant for the user's eyes."""


class Refusal(Exception):  # noqa: N818  (it is an answer to the user, not a program error)
    """A request that cannot be met; its message is one sentence that says what to do."""


class Diverged(Refusal):
    """Training has left the realm of numbers; started again, it would do so again."""
