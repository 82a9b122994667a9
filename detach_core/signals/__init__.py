"""Signal processing in numpy: sample times, resampling, optical flow and normalisation."""
