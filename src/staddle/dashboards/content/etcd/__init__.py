"""Dashboards of etcd."""
