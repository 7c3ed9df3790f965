"""Experiments on the design of SE units: declarations, results, paired differences and what they allow one to say."""
