"""A recording on one offline page: video, flow, sensors, clusters, labels and predictions on one time axis."""
