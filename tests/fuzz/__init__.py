"""A structure-aware fuzzer: real captures in, damaged in every layer, what breaks out.

`python -m tests.fuzz TARGET` runs one target; `tests/fuzz/README.md` says how.
"""
