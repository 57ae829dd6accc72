"""Programs that take too long for a page, and write the records that pages read.

The largest is the study on real data: tables that ship in wheels, learners, splits, records, ranks.
``python do.py study`` runs what has no record yet, in an environment of its own; README.md beside
this file shows what a record holds. `calibration`, `bound`, `parity` and `transfer` are each one
program for one record.
"""
