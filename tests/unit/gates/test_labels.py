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


def test_inception_modules_give_stage_and_letter():
    names = ["features.inception_3a.se", "features.inception_3b.se", "features.inception_4a.se"]
    assert number_stages(names, [64, 64, 64], names) == (3, 3, 4)
    assert label_units([3, 3, 4], names) == ("SE_3a", "SE_3b", "SE_4a")
    mixed = ["Mixed_5b.se", "Mixed_7c.se"]
    assert label_units(number_stages(mixed, [9, 4], mixed), mixed) == ("SE_5b", "SE_7c")


def test_an_inception_module_of_several_units_counts_as_any_network():
    names = ["inception_3a.branch1.se", "inception_3a.branch2.se"]
    assert number_stages(names, [64, 16], names) == (1, 2)
    assert label_units([1, 2], names) == ("SE_1_1", "SE_2_1")


def test_several_units_of_a_residual_unit_share_its_position():
    names = ["layer1.0.se1", "layer1.0.se", "layer1.1.se1", "layer1.1.se", "layer2.0.se"]
    assert label_units([2, 2, 2, 2, 3], names) == ("SE_2_1.1", "SE_2_1.2", "SE_2_2.1", "SE_2_2.2", "SE_3_1")


def test_units_of_one_residual_unit_at_two_resolutions_are_positions_of_two_stages():
    assert label_units([1, 2, 2], ["layer1.0.se1", "layer1.0.se2", "layer1.0.se"]) == ("SE_1_1", "SE_2_1.1", "SE_2_1.2")
