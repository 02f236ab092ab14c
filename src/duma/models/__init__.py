"""Saved models without a server: looking into them, comparing, converting and merging.

Engines load user data into the core and nowhere else. Here it is read piece by piece into Python, so that
it can be shown and changed without a server, and without taking the whole model into memory.
"""
