"""The catalog: an index of past results, what users say of them, and how two of them compare.

Result files, and the small files beside them that hold tags, stars and notes, are the truth. The index is made of them:
it can be thrown away at any time, and is when it is damaged or of another version.
"""
