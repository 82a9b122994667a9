"""One function for each rule of the workflow, which reads artifacts, computes and writes artifacts."""
