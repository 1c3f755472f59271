"""Proof in two minutes: every channel sells at once, and then everything must be everywhere, once.

Runs on services, ports and a folder of its own, so that no demo beside it is touched.
"""
