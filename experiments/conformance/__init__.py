"""Real servers under right, odd and wrong requests: what each makes of them, beside the RFCs.

`python -m experiments.conformance --help`; the cases are in `cases`, and what makes an answer
right is in `case` and `judge`.
"""
