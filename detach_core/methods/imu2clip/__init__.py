"""IMU2CLIP (Moon et al., 2023): contrast of sensor and video windows."""
