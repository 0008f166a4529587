"""Running a manifest: in a sandbox on this machine (a fleet of real hosts comes with Ansible)."""
