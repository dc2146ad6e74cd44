"""Rows of bad input: the status and code of the answer, and what `signed.send` is given."""
