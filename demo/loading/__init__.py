"""Puts the demo's world into the database, through the doors everything else goes through. Safe to repeat.

A load that was killed is begun again: whatever is there already stays as it is, and nothing comes twice.
"""
