"""What happens to a window: plan, stage, check, commit."""
