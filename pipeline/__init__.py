"""Ground: the durable engine, the five stages, the review itself and the clients they use."""
