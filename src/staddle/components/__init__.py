"""One package per component: its resources, ports, routes, targets, health, validators, with its templates beside it."""
