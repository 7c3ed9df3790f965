"""What the report says of its methods and limits, in the project's own words."""

METHODS = (
    "Class share (ω²): the share of a gate's variance over the images that lies between classes, less what chance alone puts "
    "there; of a block, weighted by each channel's variance. Between-class SD: how far class means scatter, in units of s, the "
    "noise of finite classes taken out. The first is relative, the second absolute: a gate that hardly moves can have a large "
    "share.",
    "Intervals are over images, for these classes: a delete-a-group jackknife with 10 groups (5 where a class has fewer than 10 "
    "images) and Student's t. Claims that something is small use 90 % intervals (two one-sided tests), others 95 %. The bounds "
    "were declared before any data was read.",
    "A claim is supported when the whole interval lies on the claimed side of its bound, refuted when it lies wholly on the "
    "other, inconclusive when it reaches across. A claim of several parts is supported when every part is, refuted when one is.",
    "Nulls and controls: 200 permutations of the labels in every block on at most ten images a class; the squeeze z, the gate's "
    "own input; networks of the same architecture with random weights.",
    "Interventions: gates are moved to a baseline that comes from other images (five folds), and the same images are judged with "
    "and without; donors are drawn several times and averaged image by image. Intervals leave out the same groups of images, or "
    "single classes, of both at once, so that they are paired. Per class: exact sign-flip test, Benjamini–Hochberg at .05.",
    "Decoding: linear discriminants with shrunken covariance, trained on 80 % of the images and judged on the others by balanced "
    "accuracy; with as many channels in every block, since more channels alone decode more. CKA: debiased and linear, on at most "
    "ten images a class.",
)
LIMITS = (
    "Verdicts are for this network on these images.",
    "What a gate tells about the class need not be used by the network: only interventions on gates can show that, and they show "
    "what a wrong gate does, not how the untouched network decides.",
    "Blocks of one network are no independent replicates, and its channels are correlated.",
    "Classes that mean similar things, or that differ in colour and brightness alone, give a share too; the superclasses and the "
    "random weights show how much.",
    "A constant factor of a gate can be taken over by the normalisation before it, so that closeness to 1 depends on the recipe of "
    "training.",
)
SOURCES = (
    "Hu, Shen, Albanie, Sun, Wu: Squeeze-and-Excitation Networks, arXiv 1709.01507 (Fig. 6 and 7).",
    "Stripe Observation, ECCV 2024, arXiv 2304.06345 (gates that approach constants).",
    "Morcos et al. 2018, arXiv 1803.06959 (class selectivity index).",
    "Kornblith et al. 2019, arXiv 1905.00414 (CKA).",
    "DerSimonian and Laird 1986; Efron and Morris 1973 (shrunken class effects); Schuirmann 1987 (two one-sided tests).",
    "Ledoit and Wolf 2004 (shrinkage of the covariance); Phipson and Smyth 2010 (permutation p-values).",
)
WORDS = {
    "block": "block", "label": "block", "channels": "channels C", "reduced": "C/r",
    "near_one": "s > .9", "near_zero": "s < .1", "at_lower": "at lower bound", "at_upper": "at upper bound",
    "dead": "dead channels (SD < .001)", "profile_rank": "rank of class profiles", "gate_rank": "rank of gates",
    "gate_rank_images": "images for the rank of gates", "omega_squared": "ω² (pooled)",
    "omega_squared_mean": "ω² (mean of channels)", "defined_channels": "channels with ω²",
    "between_sd": "between-class SD", "within_sd": "within-class SD", "icc_mean": "ICC, mean",
    "selectivity_index_mean": "selectivity index, mean", "d_prime_mean": "d′ of best class, mean", "images": "images",
    "classes": "classes", "single_classes": "classes with one image",
}  # fmt: skip
