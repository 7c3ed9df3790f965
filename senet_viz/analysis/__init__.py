"""What a page or a report shows of one feature, computed from recordings and frozen; numpy, never torch."""
