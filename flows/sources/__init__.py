"""Where core tables come from: Arrow batches of one window."""
