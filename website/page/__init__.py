"""What is done to a page of the website."""
