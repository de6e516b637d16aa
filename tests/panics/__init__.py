"""A panic at each point of each entry point, in a build that can be asked for panics."""
