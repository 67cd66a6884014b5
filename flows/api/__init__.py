"""Prefect's API, without Prefect: importing that takes longer than most of what is asked of it."""
