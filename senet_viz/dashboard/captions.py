"""What stands under a figure: how to read it, and what it does not show."""

from senet_viz.analysis.distributions.class_map import MapView
from senet_viz.figures.distributions import DistributionView

PROFILES = (
    "A line a class: where the lines lie on each other, the class makes no difference to the gate. They join channels only to be "
    "followed by eye. How much single images of a class differ is not seen: that is Fig. 7."
)
BANDS = (
    "A line is a class's mean gate, its band one SD of the class's images to either side: where bands overlap, a single image's gate "
    "does not tell the classes apart. How well a mean is known, and what the gate does to the prediction, is not seen."
)
MAPS: dict[MapView, str] = {
    "difference": "A row a class, a column a channel. Red: the class's mean gate is more open than the mean of all, blue: less.",
    "gate": "A row a class, a column a channel. Yellow: the class's mean gate is open, dark blue: closed.",
}
MAP_LIMITS = "How single images spread around these means is not seen here."
DISTRIBUTIONS: dict[DistributionView, str] = {
    "violin": "The wider the shape, the more images have that gate; its box holds the middle half.",
    "ecdf": "The line tells which share of the images has a gate of at most that size; steep: most have nearly the same.",
    "box": "The box holds the middle half of the images, with their median.",
}
HEALTH = (
    "Above: gates near 1 let their channel pass, gates near 0 switch it off. Middle: gates that hardly move treat all images alike. "
    "Below: 1 would be a single pattern for all images. It does not show whether the network needs these gates: for that see Gate lab."
)
MEASURES = (
    "Bands are 95 % intervals: over images, those of the ICC over classes. How much the gates tell of the class is not how much the "
    "network uses."
)
SIMILARITY = "Yellow: two blocks find the same images alike; dark blue: unrelated. It does not show that they do the same to them."
CORRELATIONS = (
    "Dark red: two measures put the channels in the same order; white: in unrelated ones. Where they disagree, which channel is called "
    "class-specific depends on the measure. Which one is right is not shown."
)
CHANNELS = (
    "A point a channel, the pointer tells its number: on a rising line the two measures agree. Neither tells what the channel does to "
    "the prediction."
)
CLASS_MATRIX = (
    "The larger the number, the further apart two classes' mean gates are in this block; at 0 or below they are not told apart. How far "
    "single images overlap is not seen. The pointer tells how many images each mean is of, and what their noise alone would give."
)
GATE_GRID = (
    "Red: gates more open than the recorded mean; blue: more closed; white: as usual. A strong colour does not say that the prediction "
    "hangs on it."
)
IMAGE_DISTANCES = (
    "Higher: the gates differ more in that block. How far gates move at all differs between blocks, so compare images within a block. "
    "What a difference does to the prediction is not seen."
)
EMERGENCE_LIMITS = "It compares gates with class means only: the prediction itself is made from the feature maps."
BLOCK_GATES = (
    "A point a channel of an image. Grey: one SD of the recorded images to either side of their mean; above it a channel is louder than "
    "usual, below it quieter. Which of them matter for the prediction is not seen."
)
DIFFERING = (
    "A row a channel, a dot an image; tick and grey bar: recorded mean ± SD. A large difference need not matter."
)
COSTS_LIMITS = "It tells what this trained network loses, not what one trained without these gates would do."
LOSERS = (
    "×: a class's change as counted. Dot: the same, drawn towards the change of all classes as far as its few images leave it "
    "uncertain. Filled: told from no change. Classes between these extremes are in the table."
)
FREEZING = (
    "From left to right one more block's gates are frozen to constants. Intervened − clean, on the same images: marks below the line are "
    "costs. What lies far below the accepted loss is not drawn; the table has it. What training on would win back is not shown."
)
TRIAL_LIMITS = "It is one image: others may change more, less, or the other way."
STRENGTH_SWEEP = (
    "From left, untouched, to right, the baseline itself: how the leading outputs change on the way. It is one image, and gates between "
    "need be those of no image."
)
PAIR = (
    "Solid: the first recording, dashed: the second; bands: 95 % intervals over images where it was assessed. Why they differ, by their "
    "weights, images or classes, is not shown."
)
PAIR_DIFFERENCES = (
    "Above 0: the second recording has more. Where an interval holds 0, the two are not told apart on these images; how much another "
    "training of the same network would differ is not shown."
)
PIXELS = (
    "Red pixels open the gate, blue ones close it: the stronger the colour, the more. It is about small changes of this image; what the "
    "network would do without these pixels, or without the gate, is not shown."
)
GATES_OF_A_CLASS = (
    "Above 0: the class's logit would fall if the channel's gate were closed; below 0: it would rise. To first order and for this image; "
    "what really happens is tried in Gate lab."
)
PLACES = (
    "The stronger the colour, the more the block's output there speaks for the class. It is as coarse as the block's map, and is about "
    "its output, not about its gates alone."
)
