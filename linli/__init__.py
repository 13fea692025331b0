"""The kernel of Linli: the vocabulary that every part shares. It imports no other package of ours."""

__version__ = "0.1.0"
