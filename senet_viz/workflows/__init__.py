"""What makes things with a network: recordings, interventions, comparisons, attribution, trained models; torch."""
