"""Titles of the generated catalogue: films that never were, a few of them awkward on purpose.

A small LLM confuses titles that are combined from few words, so every ordinary title has a word
that no other ordinary title has; half of them share a second one with others of their genre.
Raw titles look like MovieLens': with a year, and the article behind ("Heron, The (1987)").
"""

from __future__ import annotations

import numpy as np

# Second words of a title, by genre; the genres are what users of the demo like or not.
GENRES = {
    "crime": ["Alibi", "Affair", "Heist", "Witness", "Verdict", "Cipher"],
    "romance": ["Letters", "Wedding", "Summer", "Kiss", "Promise", "Waltz"],
    "western": ["Trail", "Saloon", "Outlaw", "Ridge", "Sheriff", "Crossing"],
    "horror": ["Curse", "Midnight", "Whispers", "Cellar", "Ghost", "Scream"],
    "comedy": ["Holiday", "Mischief", "Cousins", "Parade", "Blunder", "Picnic"],
    "war": ["Battalion", "Armistice", "Siege", "Trenches", "Convoy", "Retreat"],
    "space": ["Orbit", "Galaxy", "Probe", "Android", "Colony", "Nebula"],
}

# A comma, ampersand, quotes, apostrophe, brackets round and square, digits, a colon, characters
# of regular expressions, an HTML entity, accents, two scripts that are not Latin, an alternate
# title; two titles that are wholly equal, two that are once the year is cut, two that are once
# the article is, and one that is part of another.
AWKWARD = (
    "Crumbs, Coins & Candles (1991)",
    '"Umbrella" (1984)',
    "Quill's End (1977)",
    "Thimble (Part Two) Returns (1995)",
    "Zither [Uncut] (1979)",
    "1,001 Wednesdays (1969)",
    "7:42 to Yonder (1996)",
    "Vagabond: The Long Way Home (1988)",
    "Who? What* (Why+) (1972)",
    "Salt &amp; Smoke (1985)",
    "Café Zinnia (1963)",
    "Тишина (1980)",
    "静かな湖 (1962)",
    "Lantern, The (Lanterna, La) (1971)",
    "Gondola (1994)",
    "Gondola (1994)",
    "Hollow (1966)",
    "Hollow (1993)",
    "Kestrel, A (1958)",
    "Kestrel, The (1990)",
    "Zephyr (1990)",
    "Zephyr Rising (1992)",
)

_FIRST_YEAR, _LAST_YEAR = 1935, 1999


def make_titles(n_items: int, rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """Draw the raw titles and genres of `n_items` items; every call holds all awkward titles.

    Raises ValueError when the words do not reach.
    """
    n_ordinary = n_items - len(AWKWARD)
    if not 0 <= n_ordinary <= len(WORDS):
        raise ValueError(f"items must be {len(AWKWARD)} to {len(WORDS) + len(AWKWARD)}")
    genres = list(rng.choice(list(GENRES), n_items))
    words = rng.choice(WORDS, n_ordinary, replace=False)
    ordinary = [
        _ordinary(str(word), genre, rng) for word, genre in zip(words, genres, strict=False)
    ]
    order = rng.permutation(n_items)
    titles = [*ordinary, *AWKWARD]
    return [titles[i] for i in order], [str(genres[i]) for i in order]


def _ordinary(word: str, genre: str, rng: np.random.Generator) -> str:
    second = str(rng.choice(GENRES[genre]))
    form = rng.choice(
        [word, f"{word}, The", f"{word} {second}", f"{word} {second}, The", f"{second} of {word}"],
        p=[0.3, 0.15, 0.25, 0.15, 0.15],
    )
    return f"{form} ({rng.integers(_FIRST_YEAR, _LAST_YEAR, endpoint=True)})"


_WORD_LIST = """
Abacus Acorn Admiral Agate Albatross Alcove Almanac Almond Amber Anchor Anthem Anvil Apricot
Aqueduct Archer Arsenal Aspen Atlas Attic Aurora Avocet Axle Azure Badger Bagpipe Balcony Ballad
Bamboo Banjo Banyan Barley Barnacle Basalt Basil Bassoon Bayou Beacon Beaver Begonia Belfry Bellows
Beryl Birch Biscuit Bison Blizzard Bluebell Bobbin Bonfire Boulder Bracken Bramble Brass Brickyard
Bronze Buckle Buffalo Bugle Bunker Burrow Butler Buttress Cabin Cactus Calico Camel Camphor Canal
Canary Canyon Caravan Cardinal Caribou Carnival Carousel Cascade Castanet Cathedral Cavern Cedar
Cello Chalk Chariot Chestnut Chimney Cider Cinder Cinnamon Citadel Clarinet Clement Clover Cobalt
Cobbler Compass Condor Copper Coral Cormorant Cornet Corsair Cottage Cougar Courier Crane Crater
Cricket Crimson Crocus Crystal Cuckoo Cyclone Cypress Daffodil Dagger Dahlia Damask Dandelion Decoy
Delta Desmond Dolphin Domino Dragoon Drummer Dulcimer Dynamo Eagle Easel Ebony Echo Eclipse Egret
Elbow Elder Elephant Elixir Elm Ember Emerald Engine Ermine Estuary Falcon Fathom Fennel Fern Ferry
Fiddle Fjord Flamingo Flannel Flint Florist Flute Foghorn Footman Forge Fountain Foxglove Fresco
Frost Furnace Gable Galleon Gallop Gardenia Garnet Gazelle Geyser Gibbon Ginger Glacier Glider
Gopher Granary Granite Grotto Guitar Gypsum Halibut Hammer Hammock Harbour Harlequin Harness Harpoon
Harvest Hatchet Hawthorn Hazel Hearth Heather Helmet Hermit Heron Hickory Horizon Hornet Hyacinth
Ibex Iceberg Indigo Inkwell Iris Iron Island Ivory Jackal Jade Jaguar Jasmine Javelin Jester Jigsaw
Juniper Jupiter Kayak Kennel Kettle Keystone Kiln Kingfisher Kiosk Kite Knapsack Labyrinth Lagoon
Lancer Larch Lasso Lattice Laurel Lava Ledger Lemon Leopard Lichen Lighthouse Lilac Limestone Linden
Lobster Locket Locust Lotus Lyre Macaw Magnet Magnolia Magpie Mahogany Mallard Mandolin Mango Maple
Marble Marigold Marlin Marmot Marquee Marsh Mason Meadow Meridian Mermaid Meteor Millstone Minaret
Mineral Minstrel Mirage Mistral Mitten Monsoon Mosaic Muffin Mulberry Mustang Myrtle Narwhal Nectar
Needle Nettle Nickel Nightjar Nomad Nutmeg Oasis Obelisk Oboe Obsidian Ocelot Octopus Olive Onyx
Opal Orchard Orchid Oriole Osprey Ostrich Otter Oyster Paddock Pagoda Palette Panther Papaya Paprika
Parasol Parsley Parsnip Pavilion Pawnbroker Peacock Pebble Pelican Pendulum Penguin Peppermint
Periscope Petunia Pheasant Piccolo Pigeon Pilgrim Pinnacle Pioneer Piston Plateau Platinum Plover
Plumage Polecat Pomelo Poplar Poppy Porcelain Porcupine Postman Prairie Prism Puffin Pumpkin Puzzle
Pyramid Quail Quarry Quartz Quicksand Quilt Quince Quiver Rabbit Raccoon Radish Raffle Rampart
Ranger Rapids Raven Ravine Regatta Reindeer Reservoir Ribbon Robin Rocket Rosemary Rowan Rubber Ruby
Rudder Rushes Saddle Saffron Sailor Salamander Sandal Sapphire Satchel Saxophone Scarab Scarecrow
Sculptor Seagull Sentinel Sequoia Seraph Sextant Shamrock Shepherd Sherbet Shingle Signet Silo
Skylark Sleet Smelter Snowdrop Sorrel Sparrow Spindle Spruce Stallion Starling Steeple Sting Stirrup
Sturgeon Sulphur Sundial Swallow Sycamore Tabard Tambourine Tangerine Tapestry Teapot Tempest
Terrace Thicket Thistle Thrush Thunder Tiger Timber Toboggan Topaz Tornado Tortoise Toucan Treacle
Trellis Trident Trombone Trumpet Tulip Tundra Turbine Turnip Turret Velvet Verbena Viaduct Viola
Viper Volcano Vulture Walnut Walrus Warbler Waterfall Weasel Wharf Whistle Wicker Willow
"""
WORDS = tuple(_WORD_LIST.split())
