"""The one exception a user is meant to see."""


class UserError(Exception):
    """Something the user can mend: the message says what was got, what was wanted, what to do.

    Stages and the command line print it without a traceback and exit with status 2; every other
    exception is a defect of ours and keeps its traceback.
    """
