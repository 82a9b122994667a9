"""Tables, figures and pages of results, beside the values that the paper printed."""
