"""CAV-MAE (Gong et al., 2023): masked autoencoder of both modalities with a contrast."""
