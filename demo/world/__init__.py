"""The demo's world: stores, catalogue, people and trade, made from published data.

Pure: no Django, no clock, no chance. Everything is a function of the committed files in `demo/data`, a seed and the
moment the history shall end. The rules by which real data becomes this world are declared in the docstrings and
tables of these modules.
"""
