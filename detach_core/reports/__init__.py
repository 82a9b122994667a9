"""Tables from metrics and prepared data, beside the values that the paper printed."""
