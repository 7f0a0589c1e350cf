"""The talk's closed loop: answer, score, collect failures, tune on, compare, keep what is better.

``plan`` is what is asked for, ``loop`` conducts a round, ``folds`` says which questions an adapter must not have seen,
``lessons`` what answers teach, ``review`` reads what people said, ``state`` is what is kept of it.
"""
