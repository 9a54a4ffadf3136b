"""Stacks that are centred as they arrive in a folder."""
