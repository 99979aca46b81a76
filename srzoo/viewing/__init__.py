"""Pictures for people: opinion studies, comparisons and a page to try networks; each page needs no network."""
