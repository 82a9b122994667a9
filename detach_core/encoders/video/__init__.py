"""Video encoders: where things are (mean frame) and how they move (frame differences and optical flow)."""
