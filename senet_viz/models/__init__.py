"""Networks: where they come from, how their inputs are prepared, how weights are loaded safely, how they are run."""
