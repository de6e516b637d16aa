"""What libraries rely on beyond the documentation, and libraries themselves."""
