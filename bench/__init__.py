"""The bench: what we promise, measured beside nginx and a peer in one run (`python -m bench`)."""
