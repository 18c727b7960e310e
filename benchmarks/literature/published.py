"""Numbers of the papers, as data: what ours stand beside."""

from __future__ import annotations

Pair = tuple[float, float]

ANDREEV = "Andreev et al. 2021 (arXiv 2108.13996)"
QGAN = "Wang et al. 2019 (QGAN, arXiv 1901.08263)"
PPCD = "Vo et al. 2021 (PPCD-GAN)"
HOETTER = "Hötter, Real-Enríquez, Wenck 2020"

ANDREEV_FLOAT_FID = {"StyleGAN": 26.3, "SAGAN": 138.6, "CycleGAN": 62.4}

ANDREEV_CELLS: dict[tuple[str, str, int, bool], Pair] = {
    ("StyleGAN", "vanilla", 8, True): (66.5, 51.2),
    ("StyleGAN", "vanilla", 8, False): (65.9, 50.4),
    ("StyleGAN", "vanilla", 4, True): (73.1, 60.3),
    ("StyleGAN", "vanilla", 4, False): (73.5, 62.4),
    ("StyleGAN", "ar-brecq", 8, True): (66.8, 49.9),
    ("StyleGAN", "ar-brecq", 8, False): (65.1, 48.4),
    ("StyleGAN", "ar-brecq", 4, True): (61.2, 46.2),
    ("StyleGAN", "ar-brecq", 4, False): (61.9, 48.1),
    ("StyleGAN", "ste-brecq", 8, False): (51.7, 35.9),
    ("StyleGAN", "ste-brecq", 4, False): (61.7, 51.6),
    ("StyleGAN", "ma-qat", 8, True): (32.3, 14.3),
    ("StyleGAN", "ma-qat", 8, False): (32.6, 14.7),
    ("StyleGAN", "ma-qat", 4, True): (40.1, 23.3),
    ("StyleGAN", "ma-qat", 4, False): (37.2, 18.5),
    ("StyleGAN", "lsq-qat", 8, False): (28.8, 8.5),
    ("StyleGAN", "lsq-qat", 4, False): (33.1, 11.0),
    ("SAGAN", "vanilla", 8, True): (139.6, 81.1),
    ("SAGAN", "vanilla", 8, False): (145.3, 86.8),
    ("SAGAN", "vanilla", 4, True): (265.4, 287.2),
    ("SAGAN", "vanilla", 4, False): (309.4, 325.2),
    ("SAGAN", "ma-qat", 8, True): (125.9, 10.4),
    ("SAGAN", "ma-qat", 8, False): (124.8, 11.9),
    ("SAGAN", "ma-qat", 4, True): (114.2, 29.1),
    ("SAGAN", "ma-qat", 4, False): (128.7, 31.5),
    ("SAGAN", "lsq-qat", 8, False): (130.1, 5.6),
    ("SAGAN", "lsq-qat", 4, False): (125.8, 9.0),
    ("CycleGAN", "vanilla", 8, True): (98.8, 71.9),
    ("CycleGAN", "vanilla", 8, False): (103.0, 74.5),
    ("CycleGAN", "vanilla", 4, True): (118.3, 85.1),
    ("CycleGAN", "vanilla", 4, False): (154.0, 115.5),
    ("CycleGAN", "ma-qat", 8, True): (63.7, 38.3),
    ("CycleGAN", "ma-qat", 8, False): (63.1, 40.8),
    ("CycleGAN", "ma-qat", 4, True): (69.3, 50.7),
    ("CycleGAN", "ma-qat", 4, False): (112.5, 88.3),
    ("CycleGAN", "lsq-qat", 8, False): (63.1, 36.1),
    ("CycleGAN", "lsq-qat", 4, False): (71.4, 47.6),
}
"""Tables 3 and 4: FID and qFID by model, method, bits of a weight, and whether scales are per channel."""

ANDREEV_OBJECTIVES: dict[tuple[str, str], float] = {
    ("SAGAN", "mse"): 33.2,
    ("SAGAN", "perceptual"): 10.4,
    ("StyleGAN", "mse"): 41.2,
    ("StyleGAN", "perceptual"): 14.3,
}
"""Appendix B: qFID."""

QGAN_BASELINE: Pair = (5.30, 28.41)
QGAN_CELLS: dict[tuple[str, int], Pair] = {
    ("min-max", 1): (1.16, 407.9),
    ("min-max", 2): (2.65, 132.4),
    ("min-max", 3): (4.35, 65.1),
    ("min-max", 4): (4.74, 40.3),
    ("log", 2): (1.17, 421.9),
    ("log", 3): (1.16, 440.3),
    ("log", 4): (4.15, 60.6),
    ("tanh", 2): (1.28, 437.88),
    ("tanh", 3): (1.20, 466.7),
    ("tanh", 4): (1.13, 460.2),
    ("em", 1): (3.32, 96.7),
    ("em", 2): (4.15, 54.3),
    ("em", 3): (4.46, 51.4),
    ("em", 4): (4.60, 39.6),
}
"""Table 2, (table 1 is its column of 2 bits): DCGAN's Inception Score and FID by method and bits."""

QGAN_MULTI_PRECISION: dict[str, tuple[int, int, Pair, Pair]] = {
    "cifar10-dcgan": (1, 2, (4.33, 56.1), (5.30, 28.41)),
    "cifar10-wgan-gp": (1, 3, (3.41, 74.1), (4.20, 46.97)),
    "cifar10-lsgan": (3, 3, (3.55, 85.4), (4.91, 38.27)),
}
"""Table 3: bits of discriminator and generator, Inception Score and FID, and those of 32 bits."""

PPCD_ABLATION: dict[tuple[str, float | None], tuple[str, float]] = {
    ("original", None): ("42M", 18.65),
    ("ppcd", 0.5): ("25M", 14.26),
    ("ppcd", 0.7): ("13.6M", 12.76),
    ("no-pruning", None): ("42M", 13.02),
    ("no-distillation", 0.5): ("25M", 18.23),
    ("two-step", 0.5): ("25M", 15.76),
}
"""By method and ratio: parameters and FID. Table 1's at 0.7 is better than table 3's at 0.5."""
