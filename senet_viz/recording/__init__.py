"""The door: what the torch wing writes to disk and everybody else reads. Recordings, outcomes of interventions, exports."""
