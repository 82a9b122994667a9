"""Methods and controls, each in a folder of its own, and the protocol that they share."""
