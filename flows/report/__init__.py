"""Plans, outcomes and what else is told, as words."""
