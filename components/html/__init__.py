"""One self-contained HTML page from a step's figures and pictures."""
