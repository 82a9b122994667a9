"""What each figure is drawn from."""

FIGURE_FILES = {
    "windows": WINDOWS,
    "split": SPLIT,
    "embeddings": f"{RUN}/embeddings.h5",
    "spatial_history": f"{SPATIAL}/history.jsonl",
    "negative_pairs": f"{RUN}/negative_pairs.h5",
    "activation_maps": f"{RUN}/activation_maps.h5",
}


def figure_files(wildcards):
    """What a figure is drawn from: kind of artifact -> its files, all seeds of a dataset and then the next."""
    figure, seeds = CONFIG.figures[wildcards.figure], CONFIG.document.seeds
    if figure.one_seed:
        seeds = seeds[:1]
    named = dict(split=figure.split, seed=seeds, dataset=figure.shown)
    named["variant"] = getattr(figure, "variant", [])
    named["spatial"] = getattr(figure, "spatial", [])
    return {kind: list(dict.fromkeys(expand(FIGURE_FILES[kind], **named))) for kind in figure.needs}
