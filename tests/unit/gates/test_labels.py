from senet_viz.gates.labels import label_units, number_stages

LAYERS = [f"layer{i}" for i in range(1, 5)]


def test_resnet_layers_are_numbered_as_in_the_paper():
    names = ["layer1.0.se", "layer3.1.se", "layer4.0.se"]
    assert number_stages(names, [64, 16, 4], [*LAYERS, *names]) == (2, 4, 5)


def test_a_resnet_inside_another_module_is_one_too():
    names = ["net.layer2.0.se", "net.layer3.0.se"]
    assert number_stages(names, [1, 1], [f"net.{layer}" for layer in LAYERS]) == (3, 4)


def test_other_networks_count_resolutions_from_the_finest():
    names = ["a", "b", "c", "d"]
    assert number_stages(names, [64, 16, 16, 4], names) == (1, 2, 2, 3)


def test_three_layers_are_no_imagenet_resnet():
    names = ["layer1.0.se", "layer3.0.se"]
    assert number_stages(names, [64, 4], ["layer1", "layer2", "layer3"]) == (1, 2)


def test_a_unit_outside_the_layers_makes_all_count_by_resolution():
    names = ["stem.se", "layer1.0.se", "layer4.0.se"]
    assert number_stages(names, [64, 64, 4], [*LAYERS, "stem"]) == (1, 1, 2)


def test_no_unit_has_no_stage():
    assert number_stages([], [], LAYERS) == ()


def test_positions_count_within_a_stage():
    assert label_units([2, 2, 3, 2]) == ("SE_2_1", "SE_2_2", "SE_3_1", "SE_2_3")
