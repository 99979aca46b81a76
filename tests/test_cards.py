"""Cards of the models that ship: what stands in front, and that it is what was measured and how they were made."""

import json
import re
from pathlib import Path

import pytest

from srzoo import cards, shipped
from srzoo.cli.list_models import main

PAGES = {path.stem: path.read_text("utf-8") for path in Path(__file__).parents[1].glob("docs/models/*.md")}
PROVENANCE = json.loads(cards.PROVENANCE.read_text("utf-8"))
MADE = PROVENANCE["models"]


def test_every_model_that_ships_has_a_card_and_tells_how_it_was_made():
    assert sorted(PAGES) == sorted(MADE) == shipped.shipped_models()


@pytest.mark.parametrize("name", PAGES)
def test_what_stands_in_front_of_a_card_is_what_was_measured(name):
    assert PAGES[name] == cards.with_metadata(PAGES[name], cards.metadata(name))


@pytest.mark.parametrize("name", PAGES)
def test_a_card_says_how_its_weights_were_made(name):
    """What a card takes over from another, it need not say again."""
    known = [name]
    for each in known:
        others = {MADE[each]["base_model"], *re.findall(r"The\s+same\s+as\s+for \[([\w-]+)\]", PAGES[each])}
        known += sorted(others - {None, *known})
    text = " ".join(" ".join(PAGES[each] for each in known).replace("\\\n", " ").split())
    made = MADE[name]
    pictures = sum(PROVENANCE["data"][each]["pictures"] for each in made["data"])
    assert made["pictures"] == pictures and f"{pictures:,} " in text
    words = {"CLIC2025": "CLIC 2025", "CID22": "Cloudinary CID22", "Sun-Hays-80": "Sun-Hays 80"}
    for each in made["data"]:
        count = PROVENANCE["data"][each]["pictures"]
        assert any(f"{count}{of}{words.get(each, each.replace('-', ' '))}" in text for of in (" of ", " free ")), each
    for helper in filter(None, (made["teacher"], made["content_loss"])):
        assert helper["name"] in text and helper["license"] in text
    assert all(command in text for command in made["commands"])
    assert made["commands"] or "With srzoo:" not in PAGES[name]


def test_yaml_is_read_as_what_was_written():
    yaml = pytest.importorskip("yaml")
    found = {**cards.metadata("edsr-real-x4"), "odd": ["no", "1.0", "a: b", "# not", 3, None, True, "x, y", [], {}]}
    assert yaml.safe_load(cards.to_yaml(found)) == found


def test_a_card_of_other_weights_claims_no_figures():
    assert {"library_name", "pipeline_tag", "tags"} == cards.metadata("edsr-gan-x4", ships=False).keys()


def test_the_list_for_programs_has_what_the_cards_say(capsys):
    assert main(["--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {each["name"]: each["card"] for each in listed} == {name: cards.metadata(name) for name in PAGES}
