"""COMODO: distillation of a video teacher into the sensor encoder."""
