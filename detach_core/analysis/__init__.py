"""What a trained model did: computed from checkpoints, snapshots and embeddings, for the figures."""
