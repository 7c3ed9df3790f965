"""Interventions on a whole set of images: the plan, its baselines and their donors, and the run that makes them."""
