"""Recognition from sensors alone: the recogniser's files, its thresholds, smoothing over time and live input."""
