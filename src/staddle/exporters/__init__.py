"""Small exporters for programs that have no metrics of their own: PgBouncer and pgBackRest.

Shipped to hosts as source; standard library only. Their metrics have the names of the exporters that are known for them
(prometheus-community's for PgBouncer, woblerr's for pgBackRest), so that rules and dashboards of others fit.
"""
