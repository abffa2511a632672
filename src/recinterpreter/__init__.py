"""RecInterpreter: what a frozen LLM can, and cannot, read in a recommender's hidden state."""
