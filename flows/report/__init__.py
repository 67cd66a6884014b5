"""What a run will do and has done, and how queries read, in words: text, Markdown, and JSON for programs. Pure."""
