"""Programs that take too long for a page, and write the records that pages read."""
