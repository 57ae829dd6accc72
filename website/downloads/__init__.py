"""What a reader can take home."""
