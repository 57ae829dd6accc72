"""Python for the pages themselves: fetched by hash, made small, copied beside the book.

`make live` (website.live.make) fills `_build/live`; the Sphinx step (website.live.ship) copies it
into the website. Without it the pages are as they were, and say nothing of it.
"""
