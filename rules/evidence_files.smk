"""What claims, comparisons and retrieval are made from."""

from detach_core.config.evidence import (
    claim_keys,
    claim_settings,
    claim_splits,
    retrieval_settings,
    significance_keys,
    significance_settings,
)

EVIDENCE_FILES = {
    "metrics": f"{RUN}/metrics.json",
    "embeddings": f"{RUN}/embeddings.h5",
    "negative_pairs": f"{RUN}/negative_pairs.h5",
    "assignments": f"{SPATIAL}/assignments.h5",
}


def evidence_files(keys):
    """The file of each key, in order."""
    return [
        EVIDENCE_FILES[key.kind].format(
            dataset=key.dataset, split=key.split, variant=key.name, spatial=key.name, seed=key.seed
        )
        for key in keys
    ]


def trained_files(pattern):
    """An input function: `pattern` for each training behind Table 1; a file that trainings share stands for each."""

    def files(wildcards):
        variants = list(dict.fromkeys(map(CONFIG.trained, CONFIG.rows("table1"))))
        return [
            pattern.format(dataset=dataset, split=split, variant=variant, seed=seed)
            for dataset, split in CONFIG.parts("table1")
            for variant in variants
            for seed in CONFIG.document.seeds
        ]

    return files
