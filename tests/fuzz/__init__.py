"""A structure-aware fuzzer: damages real captures in one layer at a time and checks invariants.

`python -m tests.fuzz TARGET` runs one target; `tests/fuzz/README.md` says how.
"""
