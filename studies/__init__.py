"""Studies: simulations of the statistics, and experiments on the simulated homes; tables below docs/."""
