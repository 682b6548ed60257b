"""Provider APIs, one table per file."""
