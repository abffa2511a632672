"""What training and answering will cost, foretold and tried out."""
