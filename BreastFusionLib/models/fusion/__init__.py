"""Fusion of any number of sources: an input, a tower and perhaps a head for each, an operator, a head for all.

encoder features or vector -> inputs -> tower -> operator -> head -> logits
                                          |-> part head -> what the source says alone
"""
