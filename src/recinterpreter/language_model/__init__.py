"""The frozen LLM, its prompts, and the adapter that speaks to it in soft tokens."""
