"""Estimators on plain arrays and recordings: measures, resampling, decoding, similarity, effects; numpy, scipy, scikit-learn."""
