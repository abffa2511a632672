"""Train an adapter through a frozen LLM, show it states, collect its answers."""
