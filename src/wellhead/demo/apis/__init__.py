"""The APIs that the simulated upstream speaks: one file per API, each a function per endpoint.

The bodies are valid for the providers' official SDKs, and the usage in them is
reported the way that provider does it: what is part of what differs (see each file).
"""
