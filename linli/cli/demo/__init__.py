"""`linli demo`: the reference district, invented from a seed, to look at Linli at its full size.

Nobody in it lives anywhere: names are drawn from lists, telephone numbers begin with 100, which is no one's.
"""
