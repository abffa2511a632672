"""Sequential recommenders: state apart from score, full ranking, no pickles."""
