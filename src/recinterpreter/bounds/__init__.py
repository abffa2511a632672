"""What decoders that are no language models find in the same states."""
