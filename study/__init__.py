"""The slow study on real data: tables that ship in wheels, learners, splits, records, ranks.

``python do.py study`` runs what has no record yet, in an environment of its own; the chapter on
real data reads the records. README.md beside this file shows what a record holds.
"""
