"""From what is asked for to a set of packages that fit together, decided by libsolv from the target's indexes alone.

Nothing that is installed on the ADMIN node matters. Debian's packages and RPMs are put before the same solver.
"""
