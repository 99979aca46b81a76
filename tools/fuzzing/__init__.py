"""Parts of `tools/fuzz.py`: good files, ways to damage them, and a process that reads them."""
