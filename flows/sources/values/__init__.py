"""How values of any source become those of GoogleSQL's types."""
