"""The exceptions that are meant for the user's eyes."""


class UserError(Exception):
    """A request that cannot be met; its message is one sentence that says what to do."""


class DivergenceError(UserError):
    """Training has left the realm of numbers; started again, it would do so again."""
