"""The graphs: what runs after what, on which machine, how often again. No logic of the steps stands here."""
