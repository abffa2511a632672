"""The page: figures and tables of what others computed."""
