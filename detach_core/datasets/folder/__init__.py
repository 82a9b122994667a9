"""A home of one's own: video and sensors as cameras and recorders write them, described by a file `home.yaml`."""
