"""What our dashboards are made of: typed makers on top of Grafana's own SDK, with our conventions in them. Build time only."""
