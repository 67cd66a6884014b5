"""A connection whose commits are watched, or the last of which is never made."""


class Killed(BaseException):
    """Stands for kill -9."""


class Watched:
    """A connection of DuckDB: what others see of the file changes with its COMMITs alone.

    Args:
        connection: the connection.
        left: how many COMMITs it makes before it dies in the place of another one, in a list that its cursors share.
        die: what then happens.
        seen: is called before the first statement and after each COMMIT.
    """

    def __init__(self, connection, left, die, seen=lambda: None):
        self.connection, self.left, self.die, self.seen = connection, left, die, seen

    def cursor(self):
        """Return another connection that dies with this one."""
        return Watched(self.connection.cursor(), self.left, self.die, self.seen)

    def execute(self, *given):
        """Run a statement, or die."""
        if given[0] != "COMMIT":
            return self.connection.execute(*given)
        if not self.left[0]:
            self.die()
        self.left[0] -= 1
        done = self.connection.execute(*given)
        self.seen()
        return done

    def __getattr__(self, name):
        return getattr(self.connection, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()
