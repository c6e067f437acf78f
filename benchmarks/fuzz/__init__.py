"""Every parser that reads what a stranger wrote, and what must hold for any bytes at all."""
