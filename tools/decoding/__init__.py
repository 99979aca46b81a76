"""Pictures of every kind that is read, generated, and an independent decoder of them."""
