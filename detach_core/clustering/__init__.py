"""Online clustering of sensor windows (paper, Sec. 3.1): memory, centroids, confidence, convergence."""
