"""Upstreams' indexes: fetched, verified, and read. `deb` for Debian's kind, `rpm` for createrepo's."""
