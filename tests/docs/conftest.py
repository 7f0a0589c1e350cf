"""What is no test."""

collect_ignore = ["fake"]  # to import it is to have no model but the fake one
