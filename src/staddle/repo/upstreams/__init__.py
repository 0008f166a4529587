"""Where packages come from: definitions as data (`*.yml`), the machine's own sources, and the choice among them."""
