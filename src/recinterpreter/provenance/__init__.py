"""Where a result comes from: what is recorded of a job, and how it is told."""
