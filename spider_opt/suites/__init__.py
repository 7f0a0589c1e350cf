"""Test suites of one's own: databases with other rows that tell gold queries from queries that are nearly them.

``contents`` reads what a database is made of, ``literals`` what its golds ask for; ``filling`` makes rows by chance,
``bench`` runs queries on them, ``ties`` sees that no gold's answer hangs on the order of rows. ``mutants`` changes
golds, ``search`` finds instances that separate them, ``choosing`` takes the few that do most; ``building`` makes one
database's suite, ``folder`` keeps it, ``build`` makes all.

Source: Zhong et al. 2020, arXiv:2010.02840.
"""
