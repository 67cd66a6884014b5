"""Text to a tree, and what of a text is no GoogleSQL."""
