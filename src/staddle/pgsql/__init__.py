"""What is done to PostgreSQL itself: the role that watches it."""
