"""What the commands share: their options, how they show what happens, and how they end."""
