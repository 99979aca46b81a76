"""What others trained, as models of the zoo."""
