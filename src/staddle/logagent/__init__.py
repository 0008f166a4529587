"""What runs syslog-ng as the log agent of a host, and makes of it one that loses nothing.

It is shipped to hosts as source and must run there with nothing but Python 3.9 or newer:

- `follow` gives every log file a name of its own that outlives rotation, which syslog-ng reads it by;
- `control` asks syslog-ng how it is doing;
- `metrics` tells Prometheus;
- `__main__` starts syslog-ng, keeps the links right, answers HTTP, and ends when syslog-ng does.
"""
