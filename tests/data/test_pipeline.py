"""Decode once, then aligned, shuffled, reproducible crops."""

import os
import resource

import numpy as np
import pytest

from srzoo import bicubic
from srzoo.data import cache
from srzoo.data.cache import PairCache
from srzoo.data.folder import folder
from srzoo.data.items import Item, Source, hold_out, pair_from_hr
from srzoo.data.pipeline import Crops, Teacher, batches, decode
from srzoo.data.sample import sample, sample_path
from srzoo.data.sources import open_source
from srzoo.images import write_image
from srzoo.pictures.reading import read_image

CROPS = Crops(scale=4, patch=64, batch=4)
PHOTO = read_image(sample_path("coffee.png"))


def cache_of(*pictures, scale=4, memory=10**9):
    cache = PairCache(memory)
    for hr in pictures:
        cache.append(*pair_from_hr(hr, scale))
    return cache


def take(dataset, count):
    return [(lr.numpy(), hr.numpy()) for lr, hr in dataset.take(count)]


def item(name, hr):
    return Item(name, lambda: pair_from_hr(hr, 4))


def test_a_picture_that_is_trained_on_by_another_name_is_known_among_those_to_validate_on():
    source = Source("s", [item("a", PHOTO)], [item("copy", PHOTO), item("other", PHOTO[:, ::-1])])
    assert decode(source, CROPS, 10**9).trained_on == ["copy"]


@pytest.mark.parametrize(("scale", "patch"), [(2, 256), (3, 96), (4, 192), (8, 96)])
def test_crops_have_their_sizes_at_every_scale(scale, patch):
    ((lr, hr),) = take(batches(cache_of(PHOTO, scale=scale), Crops(scale, patch, 2)), 1)
    assert lr.shape == (2, patch // scale, patch // scale, 3) and lr.dtype == np.uint8
    assert hr.shape == (2, patch, patch, 3) and hr.dtype == np.uint8


def test_lr_and_hr_of_a_crop_show_the_same_place_the_same_way_round():
    for lr, hr in take(batches(cache_of(PHOTO), CROPS), 8):
        for lr_crop, hr_crop in zip(lr, hr, strict=True):
            again = bicubic.downscale(hr_crop, 4)
            # At a crop's rim the kernel of the whole picture saw further than the crop's own.
            difference = np.abs(again.astype(int) - lr_crop)[3:-3, 3:-3]
            assert difference.max() <= 1


def test_all_eight_flips_and_turns_occur():
    hr = np.zeros((64, 64, 3), np.uint8)
    hr[:32, :32], hr[:32, 32:], hr[32:, :32] = 60, 120, 180  # four corners that differ
    crops = np.concatenate([hr for _, hr in take(batches(cache_of(hr), CROPS), 40)])
    assert len({crop[::63, ::63, 0].tobytes() for crop in crops}) == 8


def test_parts_of_a_batch_make_up_the_whole():
    cache = cache_of(PHOTO, PHOTO[::-1])
    whole = take(batches(cache, CROPS), 3)
    parts = [take(batches(cache, CROPS, part=slice(k, k + 2)), 3) for k in (0, 2)]
    for (lr, hr), *shared in zip(whole, *parts, strict=True):
        np.testing.assert_array_equal(np.concatenate([part for part, _ in shared]), lr)
        np.testing.assert_array_equal(np.concatenate([part for _, part in shared]), hr)


def test_batches_are_a_function_of_seed_and_step():
    cache = cache_of(PHOTO, PHOTO[::-1])
    whole = take(batches(cache, CROPS), 6)
    resumed = take(batches(cache, CROPS, start=3), 3)
    for (lr, hr), (lr_again, hr_again) in zip(whole[3:], resumed, strict=True):
        np.testing.assert_array_equal(lr, lr_again)
        np.testing.assert_array_equal(hr, hr_again)
    other = take(batches(cache, Crops(4, 64, 4, seed=1)), 1)
    assert not np.array_equal(other[0][1], whole[0][1])


def test_the_same_pictures_do_not_meet_in_every_epoch():
    # Sixteen pictures of one grey level each, four a batch: the level says which pictures met.
    cache = cache_of(*[np.full((64, 64, 3), 10 * i, np.uint8) for i in range(16)])
    groups = [frozenset(hr[:, 0, 0, 0].tolist()) for _, hr in take(batches(cache, CROPS), 12)]
    for epoch in (groups[0:4], groups[4:8], groups[8:12]):
        assert frozenset().union(*epoch) == frozenset(range(0, 160, 10))
    assert len(set(groups)) > 8


def test_a_picture_is_visited_in_proportion_to_its_area():
    cache = cache_of(np.zeros((64, 64, 3), np.uint8), np.full((64, 256, 3), 200, np.uint8))
    values = np.concatenate([hr[:, 0, 0, 0] for _, hr in take(batches(cache, Crops(4, 64, 5)), 8)])
    assert (values == 200).mean() == pytest.approx(0.8)


def test_what_does_not_fit_in_memory_is_cached_on_disk_and_gives_the_same_batches():
    pictures = [PHOTO, PHOTO[:, ::-1], PHOTO[::-1]]
    in_memory, on_disk = cache_of(*pictures), cache_of(*pictures, memory=PHOTO.nbytes * 3 // 2)
    assert in_memory._file is None
    assert on_disk._file.tell() == sum(lr.nbytes + hr.nbytes for lr, hr in list(in_memory)[1:])
    for (_, a), (_, b) in zip(take(batches(in_memory, CROPS), 5), take(batches(on_disk, CROPS), 5), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_full_disk_is_said_with_the_folder_and_what_to_do():
    room = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, room[1]))
    try:
        with pytest.raises(OSError, match="no room for the pictures beyond --memory .*the variable TMPDIR"):
            PairCache(0).append(np.zeros((8, 8, 3), np.uint8), np.zeros((32, 32, 3), np.uint8))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, room)


def test_pictures_on_disk_take_no_file_descriptor_each(monkeypatch):
    monkeypatch.setattr(cache, "REGION", 4096)
    pictures = [np.full((8 + i % 9, 8, 3), i, np.uint8) for i in range(60)]
    pictures.append(np.full((50, 50, 3), 77, np.uint8))  # larger than a region
    before = len(os.listdir("/proc/self/fd"))
    on_disk = PairCache(0)
    for hr in pictures:
        on_disk.append(hr[::4, ::4], hr)
        np.testing.assert_array_equal(on_disk[len(on_disk) - 1][1], hr)  # at once, whatever a buffer holds back
    for hr, (lr, read) in zip(pictures, on_disk, strict=True):
        np.testing.assert_array_equal(read, hr)
        np.testing.assert_array_equal(lr, hr[::4, ::4])
    assert len(os.listdir("/proc/self/fd")) - before < 15


def test_small_and_unreadable_pictures_are_left_out_named_and_counted(tmp_path, caplog):
    write_image(tmp_path / "good.png", PHOTO[:128, :128])
    write_image(tmp_path / "valid.png", PHOTO[:128, :128])
    write_image(tmp_path / "small.png", PHOTO[:60, :128])
    (tmp_path / "broken.jpg").write_bytes((tmp_path / "good.png").read_bytes()[:500])
    source = folder(tmp_path, 4)
    source = Source("mixed", source.train, [i for i in source.train if "valid" in i.name] + [item("tiny", PHOTO[:8])])
    pictures = decode(source, CROPS, 10**9, least=9)
    assert len(pictures.train) == 2 and len(pictures.validation) == 1
    assert any("broken.jpg" in line for line in caplog.messages)
    assert any("tiny: 600x8 pixels are too few to validate on" in line for line in caplog.messages)
    assert any(
        "1 picture(s) smaller than the 64-pixel crop" in line and "small.png" in line for line in caplog.messages
    )


def test_a_data_set_with_nothing_usable_is_refused(tmp_path):
    for name in "ab":
        write_image(tmp_path / f"{name}.png", PHOTO[:20, :20])
    with pytest.raises(ValueError, match=r"no usable pictures to train on \(0 unreadable, 1 smaller"):
        decode(folder(tmp_path, 4), CROPS, 10**9)


def test_another_picture_is_held_out_if_the_one_that_was_is_damaged(tmp_path, caplog):
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    for name, side in (("b", 8), ("c", 128), ("d", 132)):
        write_image(tmp_path / f"{name}.png", PHOTO[:side, :side])
    for least in (1, 9):
        pictures = decode(folder(tmp_path, 4), CROPS, 10**9, least=least)
        assert len(pictures.train) == 1 and pictures.validation[-1][0] == str(tmp_path / "c.png")
        assert not pictures.trained_on
    assert sum("a.png" in line for line in caplog.messages) == 2


def test_wrong_pairs_of_a_stream_are_left_out(caplog):
    wrong = Item("wrong", lambda: (PHOTO[:16, :16], PHOTO[:65, :64]))
    floats = Item("floats", lambda: (PHOTO[:16, :16], PHOTO[:64, :64] / 255))
    pictures = decode(Source("s", [wrong, floats, item("a", PHOTO)], [item("b", PHOTO)]), CROPS, 10**9)
    assert len(pictures.train) == 1 and "wrong: HR" in caplog.messages[0] and "floats: HR" in caplog.messages[1]


def test_fit_resize_takes_the_whole_picture():
    crops = Crops(scale=4, patch=128, batch=1, fit="resize")
    pictures = decode(Source("s", [item("a", PHOTO)], [item("b", PHOTO)]), crops, 10**9)
    ((lr, hr),) = take(batches(pictures.train, crops), 1)
    assert hr.shape == (1, 128, 128, 3) and lr.shape == (1, 32, 32, 3)
    assert abs(hr.mean() - PHOTO.mean()) < 2


@pytest.mark.parametrize("weight", [1.0, 0.25])
def test_a_teacher_gives_the_targets_of_training_and_sees_each_whole_picture_once(weight):
    seen = []

    def upscale(lr):
        seen.append(lr.shape)
        return np.float32(lr.repeat(4, 0).repeat(4, 1)) + np.float32(0.4)

    source = Source("photo", [item("a", PHOTO), item("b", PHOTO[::-1])], [item("c", PHOTO)])
    pictures = decode(source, CROPS, 10**9, teacher=Teacher(upscale, weight))
    assert len(seen) == 2
    for (lr, target), hr in zip(pictures.train, (PHOTO, PHOTO[::-1]), strict=True):
        assert seen[0] == lr.shape
        expected = weight * (lr.repeat(4, 0).repeat(4, 1) + 0.4) + (1 - weight) * hr
        np.testing.assert_allclose(target, np.clip(expected, 0, 255), atol=0.5001)
    np.testing.assert_array_equal(pictures.validation[0][2], PHOTO[:400, 44:556])
    assert pictures.fingerprint == decode(source, CROPS, 10**9).fingerprint


def test_some_pictures_are_held_out_where_the_source_names_none():
    items = [item(str(i), PHOTO) for i in range(40)]
    train, validation = hold_out(items)
    assert len(train) == 36 and len(validation) == 4
    assert {i.name for i in train} | {i.name for i in validation} == {str(i) for i in range(40)}


def test_one_picture_is_too_few_to_train_and_validate_on():
    with pytest.raises(ValueError, match="at least 2 pictures"):
        hold_out([item("a", PHOTO)])


def test_the_sample_holds_its_validation_picture_out():
    source = sample(4)
    assert len(list(source.train)) == 12
    assert [i.name.endswith("chelsea.png") for i in source.validation] == [True]
    assert open_source("sample", 4).name == "sample"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((4, 66, 1), "patch must be a multiple of the scale 4, got 66"),
        ((4, 64, 0), "at least 1 crop, got 0"),
        ((4, 64, 1, "stretch"), "'crop' or 'resize', got 'stretch'"),
    ],
)
def test_bad_crops_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Crops(*arguments)
