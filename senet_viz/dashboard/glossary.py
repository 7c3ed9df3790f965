"""Short explanations of the words on the pages, for `help=`."""

GATE = (
    "**Gate s**: what the SE block multiplies a channel by, one number per channel and image. Sigmoid gates lie "
    "between 0 (channel off) and 1 (channel unchanged)."
)
SQUEEZE = "**Squeeze z**: the mean of a feature map over its positions; what the gate is computed from."
REDUCTION = "**Reduction r**: the gate's hidden layer has C/r units for C channels."
BLOCK = (
    "**Block labels** are the paper's: SE_4_6 is the SE unit of the sixth block of stage 4. Stages are counted by resolution; "
    "in a ResNet they go from 2 (early) to 5 (late)."
)
WORDS = "\n\n".join((GATE, SQUEEZE, REDUCTION, BLOCK))
CLASS_SHARE = (
    "**Class share** (ω²): the share of a gate's variance over the images that lies between classes. 0: the class says nothing "
    "about the gate. 1: all images of a class have the same gate."
)
CLASSES = (
    "Type to search. A class keeps its colour on all pages; from the ninth on they are grey. The mean over all images is "
    "always drawn."
)
ORDER = (
    "Which channels are drawn never depends on their values: 50 are drawn uniformly, as in the paper. This only orders "
    "them. The paper does not state its order."
)
SEED = "Another seed draws other channels: a pattern that holds for several seeds is no accident of the draw."
DISTANCE = (
    "**Distance**: mean of |class mean − all-class mean| over all channels of the block, averaged over the chosen "
    "classes, in units of s. **By chance**: what as many images drawn at random from the whole set would give."
)
SLIM = "A slim recording holds class means, standard deviations and histograms of all images, and the gates of a few."
KEPT = (
    "**Kept**: images whose gates are stored one by one. Class means, standard deviations and histograms are of all images; "
    "what needs single images uses the kept ones and says so."
)
COMPLETE = "A full recording holds a row per image, and the gates of the images that were chosen to be kept."
NONFINITE = (
    "Images for which the network computes NaN or infinity in a gate, a squeeze or the logits. They are left out of class means, "
    "kept gates and accuracy; the recording's errors files name each with the first such block."
)
PRECISION = (
    "Gates were computed in half precision, or with batch norms folded into convolutions: they differ slightly from the fp32 "
    "reference. Close to 1 a bf16 gate has steps of .004."
)
PERCENTILE = (
    "**Percentile**: share of the recorded images with a smaller value, plus half of those with an equal one. From the gates "
    "of single images where these are kept; else from histograms, or as an interval that is certain from the moments alone."
)
STRIPES = (
    "Each cell is a gate vector: its channels in the order of the recorded mean, from left to right, coloured by the "
    "difference from that mean. **Units of s**: blocks can be compared. **Recorded SDs**: each channel by how much it varies "
    "over the recorded images, so that blocks whose gates hardly move are seen too."
)
PAIR_DISTANCE = (
    "**RMS**: √(mean over channels of the squared difference), in units of s. **Cosine**: 1 − cos of the two images' "
    "differences from the recorded mean, between 0 and 2; without taking the mean off it would be near 0 for any pair, "
    "since gates are all positive."
)
EMERGENCE = (
    "**Rank** of the predicted class: its place among all class profiles by distance, 1 the nearest. By chance it would be "
    "about half the number of classes."
)
ATTRIBUTION = (
    "**Pixels that drive a gate**: gradient of a channel's gate by the pixels, or integrated gradients from a baseline, which "
    "add up to the gate's change. **Channels that matter for a class**: gradient × gate. **Grad-CAM**: where the block's "
    "output speaks for a class. None of them says what the network would do without the gate."
)
BASELINE = "The picture that the path starts from. What it holds counts as nothing: a black baseline can not blame black pixels."
GRADIENT_TIMES_GATE = (
    "**Gradient × gate**: what the class's logit would lose, to first order, if the channel's gate were closed. x bypasses "
    "the gate on the shortcut, so the values do not sum to the logit."
)
READINGS = (
    "**Relative**: shares of variance. **Absolute**: sizes in units of s. **Causal**: what interventions on the gates cost. A "
    "claim can hold on one reading and fail on another. **Supported**: the whole interval lies on the claimed side of a bound "
    "that was declared before any data was read; **refuted**: wholly on the other side; else it can not be told."
)
METHODS = (
    "**Bounds** were declared before any data was read and stay as they are. **Intervals** are over images, for these "
    "classes: a delete-a-group jackknife with 10 groups (5 where a class has fewer than 10 images) and a t distribution; "
    "claims that something is small use 90 % intervals (two one-sided tests), others 95 %. A claim of several parts is "
    "supported when every part is, refuted when one is. **Null**: 200 permutations of the labels in every block, on at most ten "
    "images a class. **Controls**: the squeeze z of the same block, and networks with random weights. **Limits**: a verdict "
    "is for this network on these images; what can be told from gates need not be used by the network, which only "
    "interventions show; blocks of one network are no independent replicates; classes that mean similar things make shares "
    "larger than unrelated ones would."
)
GATE_HEALTH = (
    "**s > .9**: share of all gates, over images and channels, that let a channel pass nearly unchanged. **At a bound**: gates of "
    "exactly 0 or 1, which only hard sigmoids and rounding reach. **Dead**: channels whose gate has an SD under .001 over the "
    "images, so that it is a constant. **SDs** are root mean squares over channels, in units of s. **Effective rank**: how many "
    "independent patterns the gates of the images, or the class profiles, vary by (exponential of the entropy of the shares "
    "of variance): 1 means that all images lie on one line, whatever the number of channels."
)
BLOCK_MEASURES = (
    "**ω², pooled**: class share of the block's whole variance, led by the channels that vary most. **Mean of channels**: every "
    "channel counts alike. **ICC, classes like these**: its interval is over classes, for K of at least 20. **Decoding**: "
    "balanced accuracy of a linear classifier on images that it was not fitted to; at equal width, on random channels of the "
    "smallest number, blocks can be compared; on all channels a wide block wins by its width. **CKA with the classes**: how "
    "alike two images' gates are if they are of one class, debiased."
)
SIMILARITY = (
    "**CKA** (debiased, linear): whether two blocks find the same images alike. 1: the same up to rotation and scale; 0: "
    "unrelated; noise may fall below. On at most ten images a class."
)
CORRELATIONS = (
    "**Spearman's ρ**: whether two measures order the channels of the block alike. 1: in the same order; 0: in unrelated ones; "
    "−1: in reverse. **Selectivity index**: (largest class mean − mean of the rest)/(their sum). **d′** and **AUC**: one class "
    "against the rest, for the class where it is largest. **Mutual information** with the class, less its value for shuffled "
    "labels."
)
PAIR = (
    "**Difference**: second − first. **Paired** intervals leave the same images out of both recordings at once; "
    "**independent** ones add up what is uncertain in each. An interval is over images, for these two networks: another "
    "training run of the same network may differ by more."
)
COSTS = (
    "**Effect = intervened − clean**: a cost in accuracy is negative, one in loss positive. Gates are moved to a **baseline** on "
    "every image: **one** (fully open, as if there were no gate), **zero** (closed), **mean** (over all images), **group_mean** (of "
    "40 random images), **class_mean** (of the true class, an oracle), **predicted_class_mean** (of the class of the untouched "
    "prediction), **within** (another image of the class), **between** (an image of another class). What a baseline is made of "
    "comes from other images than the ones judged (five folds). The most and the least costly of many targets look more extreme than they are."
)
INTERVAL_OVER = (
    "**Images**: for these classes, paired, groups of images left out. **Classes**: for classes like these, single classes left "
    "out, from 20 classes on. Both at 95 %."
)
LOSERS = (
    "**Shrunken**: Δ top-1 of a class moved towards the mean over classes by as much as it is noise, since a class has few "
    "images. **Found**: told from no change by an exact sign-flip test, Benjamini–Hochberg over the classes at .05. An open mark "
    "is no proof that nothing changed."
)
TRY = (
    "s′ = lerp(s, b, t): gates s of the chosen blocks are moved towards a baseline b by the strength t, in this one forward. "
    "**Means** are of all recorded images; **class_mean** is of a class that you choose. One image is an example and no effect: "
    "effects above are over many."
)
TRY_CHANNELS = "Numbers and ranges of the block's channels, such as 3, 10-20. Empty: all of them. Needs a single block."
FREEZING = (
    "**Frozen**: a gate is its mean over all images, a constant, whatever the image; its SE unit then need not be computed. "
    "**Greedy**: on one half of the images, the gate is frozen next that costs least together with those before; the largest set "
    "of all may be another one. **Proposed** is the longest start of this path whose 90 % interval on that half lies within the "
    "accepted loss. What was chosen looks better there than it is, so it is judged on the **other half**, which chose nothing: "
    "**confirmed** where the whole interval there lies within the loss (an error of 5 % at most for a loss that was settled "
    "beforehand). Nothing is trained again. **Time saved**: forwards with these SE units replaced by a multiplication with "
    "constants against untouched ones, in turn."
)
CLASS_DISTANCE = (
    "**Distance of a class**: RMS over all channels of (its mean gates − the mean of the other classes' mean gates), every other "
    "class counting alike. A mean of few images is noisy, and noise alone makes a distance: its expected square, the class's "
    "variance ÷ its images (and the like for the others), is subtracted from the square (the variance component of a one-way "
    "layout: Searle, Casella and McCulloch 1992). What is left may be **below 0**, told as −√: nearer than noise explains. "
    "**Intervals** (95 %) are over images, for these classes, from the covariance of kept gates within classes; where "
    "classes do not differ at all, some 5 % of them come out above 0 all the same."
)
CLASS_RELATIVE = (
    "**Units of s**: how far gates move. **Within-class SDs**: the same divided by how much the gates of a block vary among "
    "images of one class, √(mean over channels of the within-class variance), so that blocks can be compared. A block whose "
    "gates hardly move can have a large relative distance."
)
CLASS_NOISE = (
    "**By noise alone**: the RMS distance that means of so many images would have if the classes did not differ. It is what was "
    "taken off, in squares, before a distance is shown."
)
CLASS_EMERGENCE = (
    "**Emerges at, largest at, until**: a convention, no estimate of a true beginning. In within-class SDs, a class's distance is "
    "largest in one block; it emerges in the first block, and lasts until the last, of the unbroken run of blocks around it at or "
    "above half of that. A dash: in no block above 0."
)
CLASS_ORDER = (
    "**Distinct gates**: in the chosen block, the most distinct first. **Emerges first**: by the half-maximum convention. "
    "**Accuracy**: the lowest first. **Loss by intervention**: the classes that lose most first, shrunken."
)
CLASS_PLANE = (
    "**Principal axes** of the class means of the block, weighted by their images: the two directions along which class means "
    "spread most. One scale on both axes; a distance on the map is an RMS distance over channels in units of s, as far as the two axes "
    "hold it. Noise in the means spreads them too, and its expected share is told."
)
CONFUSABLE = (
    "**ρ**: Spearman's rank correlation, over all pairs of classes, of how close their mean gates are (noise taken off) and how "
    "often the network takes one for the other (both ways averaged). Pairs share classes, so the usual p would be far too "
    "small: the **null** shuffles the classes of one of the two tables (Mantel 1967), 999 times, alike in all blocks; p over all "
    "blocks is against the largest null value of any block. **Interval** (95 %): classes like these, one class left out at a "
    "time, from 20 classes on. Gates and predictions are of the same images: a confused image moves its class's mean towards the class "
    "that it is taken for, which raises ρ."
)
HOW = (
    "A convolution finds many patterns, each in a channel of its own, and hands all of them on alike. A **squeeze-and-excitation** block "
    "stands behind it and asks: *which of them matter in this image?* It **squeezes** every channel into one number, lets a small "
    "network look at all of these numbers at once (the **excitation**), and gets a **gate** for each channel, by which it **scales** the "
    "channel: near 1 the channel passes, near 0 it is switched off."
)
LOUDER = (
    "**Louder, quieter**: the gate against the same channel's mean gate over all recorded images, in units of s. Every sigmoid gate is "
    "below 1, so each map is turned down; louder means less than usual. Where gates can be below 0, |s| counts. "
    "**Loudest, quietest**: the largest difference to either side."
)
STABILITY = (
    "RMS over channels of the changed copy's gates − the image's own, divided by the RMS distance of two images of one class, "
    "√2·SD within the class (SD² the mean over channels of the recorded sample variance): 1 is as far as two different images of the "
    "class lie apart. **Crop**: a part of the picture, enlarged. **Mirrored**: of what the network sees. **Rotation**: corners are "
    "filled by reflection. **Blur**: SD as a share of the shorter side. **Noise**: independent in every pixel of the network's input, "
    "SD as a share of the range of brightness. Places and noise are drawn with seed 0. The band around 1 is a 95 % interval at its "
    "widest, ±1.96/√(2·degrees of freedom), for normally distributed gates."
)
PLACEMENT = (
    "Where in a residual unit the SE unit sits. **Standard**: after the last convolution and norm of the branch, before the sum. "
    "**PRE**: before the branch, and the shortcut goes around it. **POST**: after the sum and its ReLU. **Identity**: on the shortcut. "
    "**SE_3×3**: after the bottleneck's 3×3 convolution, where there are fewer channels. **After every convolution**: VGG's way, and "
    "the first question of the note that this project began with."
)
LAYERS = (
    "Linear layers of the excitation. 2 is the paper's: C → C/r → C. Each further one is C/r → C/r, the second question of the note that "
    "this project began with."
)
NOTE = (
    "This project began with a note that asked two things: what if an SE unit sat after every convolution, and what if the excitation "
    "had more layers? For the second it wrote down a formula of its cost, which is checked here."
)
BIASES = "The paper's ablations have none, the authors' released weights and timm have them. They are C + (L − 1)·C/r a unit."
OPERATIONS = (
    "For one image of the network's native size. **Squeeze**: one addition a channel and position. **Excitation**: one multiply-add a "
    "weight. **Scale**: one multiplication a channel and position. Of the network without SE: multiply-adds of its convolutions and "
    "linear layers. Operations are no time: squeeze and scale wait for memory, and take more time than their number says."
)
ABLATIONS = (
    "Top-1 errors of ResNet-50 variants on ImageNet's 50,000 validation images, as printed. **Whiskers**: 95 % interval of a share of "
    "50,000 images, each by itself. The authors compared the networks on the same images, so differences may be known better than the "
    "whiskers say; but each is one training, and how much another one would differ is not known."
)
EXPERIMENT = (
    "An experiment is **declared** in a file before it is run: its networks (**conditions**), its questions, its **seeds** and the "
    "**bound** below which a difference matters to nobody. A seed sets initial weights, order of images, crops and flips: networks of "
    "one seed see the same images in the same way, which pairs them."
)
EXPERIMENT_ANSWER = (
    "**Difference**: of top-1 accuracy, mean over seeds and images. **Interval** (95 %): var(seed means)/S + var(image means)/N with "
    "Satterthwaite's degrees of freedom, so that both another training and other images are allowed for; few seeds make it wide. "
    "**Yes**: all of it above the bound; **no**: all of it below, or all of it within ± the bound; else it can not be told. **ω² by "
    "stage**: mean over the stage's blocks, difference over seeds, Student's intervals simultaneous over the stages (Bonferroni)."
)
