"""The portal's own pages: home, 404, and pages over the APIs of programs that come without a web UI."""
