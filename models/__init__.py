"""What we learn: pure functions over numpy arrays, one package per rung of the evidence.

`ranks` (association), `ordered_logit` (adjusted), `in_time` (timing, bursts), `trials` (experiments); `predict` stands
beside them, `guards` beside every estimate. `verdict` puts them together, `prose` says it in words, `simulation` makes
worlds of known truth, and `calibration` counts how often the verdict is right there.
"""
