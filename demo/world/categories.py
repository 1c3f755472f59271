"""A shelf for every gift: words of its name, tried from top to bottom. The first table that knows a word wins."""

import re

_SHELVES: tuple[tuple[tuple[str, ...], str], ...] = (
    (("Seasonal", "Christmas"), "christmas xmas advent nativity bauble santa reindeer snowflake snowman"),
    (("Seasonal", "Easter"), "easter egg eggs bunny chick hen"),
    (
        ("Fashion", "Jewellery"),
        "necklace bracelet earrings ring bangle brooch charm pendant diamante hair jewellery bead locket keyring",
    ),
    (("Fashion", "Umbrellas & Hats"), "umbrella parasol hat gloves scarf slippers socks poncho"),
    (("Fashion", "Purses & Wallets"), "purse wallet handbag makeup cosmetic"),
    (("Bags & Travel",), "bag bags luggage passport backpack shopper tote travel suitcase"),
    (("Home", "Candles & Lights"), "candle candles t-light t-lights lantern lamp light lights candlestick incense"),
    (("Kitchen", "Baking"), "cake baking cookie pantry cases doilies doiley jam recipe scales whisk"),
    (
        ("Kitchen", "Tableware"),
        "mug cup saucer teacup teapot bowl plate cutlery glass tray jug coaster coasters napkins placemat placemats",
    ),
    (
        ("Kitchen", "Breakfast & Dinner"),
        "tea coffee egg-cup breakfast dinner cakestand spoon spoons teaspoons",
    ),
    (("Kitchen", "Lunch & Picnic"), "lunch snack picnic bottle flask straws"),
    (("Kitchen", "Aprons & Towels"), "apron towel cosy oven kitchen"),
    (("Stationery", "Cards & Wrap"), "card cards wrap ribbon ribbons gift tissue greeting envelope tags stickers"),
    (
        ("Stationery", "Writing"),
        "notebook pen pencil pencils journal book letter stamp ruler tape memo magnets calendar",
    ),
    (
        ("Toys & Children",),
        "toy doll jigsaw puzzle game skittles dinosaur spaceboy childrens childs girl boy playhouse kids",
    ),
    (("Craft",), "knitting sewing feltcraft craft kit wool beads crochet buttons"),
    (("Garden",), "garden plant flower watering bird parasol seeds trowel rake spade doormat planter"),
    (("Party",), "party bunting balloons garland birthday streamer"),
    (("Home", "Clocks & Mirrors"), "clock mirror frame photo picture wall"),
    (("Home", "Storage"), "box boxes basket drawer cabinet storage jar tin tins hook hooks hanger rack bin holder"),
    (("Home", "Soft Furnishings"), "cushion throw quilt curtain doorstop blanket rug"),
    (
        ("Home", "Signs & Decorations"),
        "sign decoration hanging heart wreath block letters ornament metal wooden ceramic",
    ),
)
_SHELF_OF = {word: shelf for shelf, words in reversed(_SHELVES) for word in words.split()}
_RANK = {shelf: place for place, (shelf, _) in enumerate(_SHELVES)}
_WORD = re.compile(r"[a-z][a-z-]*")
OTHER = ("Home", "Other")


def of(name: str) -> tuple[str, ...]:
    shelves = (_SHELF_OF[word] for word in _WORD.findall(name.lower()) if word in _SHELF_OF)
    return min(shelves, key=_RANK.__getitem__, default=OTHER)
