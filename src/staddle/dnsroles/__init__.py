"""Names of clusters that follow the role: who is primary is read from the metrics store, and told to dnsmasq.

Runs on INFRA nodes. Imports nothing but Python's standard library, so that it is shipped as source.
"""
