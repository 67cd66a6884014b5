"""What the warehouse's tests share."""

from tests.engine.conftest import warehouse

__all__ = ["warehouse"]
