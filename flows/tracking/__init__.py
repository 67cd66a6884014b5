"""Prefect around a run: the flow, its tasks and its artifact."""
