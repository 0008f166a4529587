"""The package repository: upstreams, resolution, download; indexes, signing, publishing; the offline bundle."""
