"""Models out of the zoo and into it: what other programs load, and what others trained."""
