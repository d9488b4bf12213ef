"""Tables: the tiny one for the first steps with pandas, and house prices with the columns of the competition.

At `sample` the prices are made up: a fixed formula of area, quality, age, place and a few extras, times noise. The
columns, kinds and gaps are those of the real table (Ames, De Cock 2011), so that the same code cleans both.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from utils.datasets.dice import Dice
from utils.datasets.generate import combine, digest_of, generated, write_text
from utils.settings import settings

if TYPE_CHECKING:
    import pandas

VERSION = "1"
COUNTS = {"train": 1460, "test": 1459}
TARGET = "SalePrice"

# NA stands for a missing value. Two of the three rooms and of the four alleys are unknown.
HOUSE_TINY = "NumRooms,Alley,Price\nNA,Pave,127500\n2,NA,106000\n4,NA,178100\nNA,NA,140000\n"


class Options(NamedTuple):
    """A column of words: the words with their weights, and in how many of a thousand rows it is empty."""

    words: tuple[tuple[str, int], ...]
    missing: int = 0


def _words(text: str, missing: int = 0) -> Options:
    pairs = (pair.split(":") for pair in text.split())
    return Options(tuple((word, int(weight)) for word, weight in pairs), missing)


_QUALITY = "Ex:6 Gd:38 TA:50 Fa:6"
# Place and its price level in percent.
_PLACES = {
    "NAmes": 92, "CollgCr": 112, "OldTown": 80, "Edwards": 82, "Somerst": 118, "Gilbert": 108, "NridgHt": 142,
    "Sawyer": 88, "NWAmes": 104, "SawyerW": 102, "BrkSide": 84, "Crawfor": 112, "Mitchel": 94, "NoRidge": 146,
    "Timber": 124, "IDOTRR": 70, "StoneBr": 144, "SWISU": 86, "MeadowV": 66, "Blmngtn": 110,
}  # fmt: skip

_WORD_COLUMNS = {
    "MSZoning": _words("RL:78 RM:15 FV:5 RH:1 C:1", 1),
    "Street": _words("Pave:99 Grvl:1"),
    "Alley": _words("Grvl:55 Pave:45", 935),
    "LotShape": _words("Reg:63 IR1:33 IR2:3 IR3:1"),
    "LandContour": _words("Lvl:90 Bnk:4 HLS:4 Low:2"),
    "Utilities": _words("AllPub:999 NoSeWa:1"),
    "LotConfig": _words("Inside:72 Corner:18 CulDSac:6 FR2:3 FR3:1"),
    "LandSlope": _words("Gtl:95 Mod:4 Sev:1"),
    "Neighborhood": _words(" ".join(f"{place}:{5 + number % 7}" for number, place in enumerate(_PLACES))),
    "Condition1": _words("Norm:86 Feedr:6 Artery:3 RRAn:2 PosN:2 PosA:1"),
    "Condition2": _words("Norm:990 Feedr:6 Artery:4"),
    "BldgType": _words("1Fam:84 TwnhsE:8 Duplex:4 Twnhs:3 2fmCon:1"),
    "HouseStyle": _words("1Story:50 2Story:30 1.5Fin:11 SLvl:4 SFoyer:3 1.5Unf:2"),
    "RoofStyle": _words("Gable:78 Hip:20 Flat:1 Gambrel:1"),
    "RoofMatl": _words("CompShg:985 Tar&Grv:8 WdShngl:7"),
    "Exterior1st": _words(
        "VinylSd:35 HdBoard:15 MetalSd:15 Wd_Sdng:14 Plywood:8 CemntBd:5 BrkFace:4 Stucco:4"
    ),
    "Exterior2nd": _words(
        "VinylSd:35 HdBoard:14 MetalSd:15 Wd_Sdng:14 Plywood:10 CmentBd:5 BrkFace:3 Stucco:4"
    ),
    "MasVnrType": _words("BrkFace:78 Stone:20 BrkCmn:2", 600),
    "ExterQual": _words(_QUALITY),
    "ExterCond": _words("TA:88 Gd:10 Fa:2"),
    "Foundation": _words("PConc:45 CBlock:43 BrkTil:10 Slab:2"),
    "BsmtQual": _words(_QUALITY, 26),
    "BsmtCond": _words("TA:90 Gd:5 Fa:5", 26),
    "BsmtExposure": _words("No:67 Av:15 Gd:10 Mn:8", 27),
    "BsmtFinType1": _words("Unf:30 GLQ:29 ALQ:15 BLQ:10 Rec:10 LwQ:6", 26),
    "BsmtFinType2": _words("Unf:88 Rec:4 LwQ:3 BLQ:2 ALQ:2 GLQ:1", 27),
    "Heating": _words("GasA:98 GasW:1 Grav:1"),
    "HeatingQC": _words("Ex:51 TA:29 Gd:17 Fa:3"),
    "CentralAir": _words("Y:93 N:7"),
    "Electrical": _words("SBrkr:91 FuseA:6 FuseF:3", 1),
    "KitchenQual": _words(_QUALITY, 1),
    "Functional": _words("Typ:93 Min2:3 Min1:2 Mod:1 Maj1:1", 1),
    "FireplaceQu": _words("Gd:50 TA:40 Fa:4 Ex:3 Po:3", 472),
    "GarageType": _words("Attchd:63 Detchd:28 BuiltIn:6 Basment:2 CarPort:1", 55),
    "GarageFinish": _words("Unf:44 RFn:30 Fin:26", 55),
    "GarageQual": _words("TA:95 Fa:4 Gd:1", 55),
    "GarageCond": _words("TA:96 Fa:3 Gd:1", 55),
    "PavedDrive": _words("Y:92 N:6 P:2"),
    "PoolQC": _words("Gd:40 Ex:40 Fa:20", 995),
    "Fence": _words("MnPrv:56 GdPrv:21 GdWo:19 MnWw:4", 807),
    "MiscFeature": _words("Shed:91 Gar2:5 Othr:4", 963),
    "SaleType": _words("WD:87 New:8 COD:3 Con:2", 1),
    "SaleCondition": _words("Normal:82 Partial:9 Abnorml:7 Family:2"),
}

_COLUMN_TEXT = """
Id MSSubClass MSZoning LotFrontage LotArea Street Alley LotShape LandContour Utilities LotConfig LandSlope Neighborhood
Condition1 Condition2 BldgType HouseStyle OverallQual OverallCond YearBuilt YearRemodAdd RoofStyle RoofMatl Exterior1st
Exterior2nd MasVnrType MasVnrArea ExterQual ExterCond Foundation BsmtQual BsmtCond BsmtExposure BsmtFinType1 BsmtFinSF1
BsmtFinType2 BsmtFinSF2 BsmtUnfSF TotalBsmtSF Heating HeatingQC CentralAir Electrical 1stFlrSF 2ndFlrSF LowQualFinSF
GrLivArea BsmtFullBath BsmtHalfBath FullBath HalfBath BedroomAbvGr KitchenAbvGr KitchenQual TotRmsAbvGrd Functional
Fireplaces FireplaceQu GarageType GarageYrBlt GarageFinish GarageCars GarageArea GarageQual GarageCond PavedDrive
WoodDeckSF OpenPorchSF EnclosedPorch 3SsnPorch ScreenPorch PoolArea PoolQC Fence MiscFeature MiscVal MoSold YrSold
SaleType SaleCondition SalePrice
"""
COLUMNS = tuple(_COLUMN_TEXT.split())


def root(scale: str | None = None) -> Path:
    """Return the folder with kaggle_house_pred_train.csv (1460 x 81) and kaggle_house_pred_test.csv (1459 x 80).

    Args:
        scale: `sample` or `full`; None takes COURSE_SCALE.
    """
    if (scale or settings.scale) == "full":
        from utils.datasets.download import fetch

        return fetch("houses")
    return generated("houses", VERSION, _build)


def read_table(split: str, *, scale: str | None = None) -> pandas.DataFrame:
    """Return the table of `train` (with SalePrice) or `test` (without); an empty field or NA is missing.

    Raises:
        ValueError: for another split.
    """
    import pandas as pd

    if split not in COUNTS:
        raise ValueError(f"expected split 'train' or 'test', got {split!r}")
    return pd.read_csv(root(scale) / f"kaggle_house_pred_{split}.csv")


def write_house_tiny(folder: Path | None = None) -> Path:
    """Write house_tiny.csv (four rows, three columns, NA for what is missing) and return its path.

    Args:
        folder: where to; None takes `settings.data_root / "generated"`. It is made if missing.
    """
    path = (folder or settings.generated_root) / "house_tiny.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, HOUSE_TINY)
    return path


def _pick(dice: Dice, options: Options) -> str:
    if dice.integer(0, 999) < options.missing:
        return "NA"
    at = dice.integer(1, sum(weight for _, weight in options.words))
    for word, weight in options.words:
        at -= weight
        if at <= 0:
            return word
    raise AssertionError("the weights add up to less than their sum")


def _bell(dice: Dice, middle: int, spread: int) -> int:
    """A number that is roughly normal: the sum of six throws. `spread` is about two standard deviations."""
    return middle + sum(dice.integer(-spread, spread) for _ in range(6)) * 2 // 7


def _areas(dice: Dice, row: dict[str, str | int], quality: int) -> None:
    first = max(420, _bell(dice, 700 + 75 * quality, 460))
    second = max(0, first * dice.integer(60, 100) // 100) if row["HouseStyle"] in ("2Story", "1.5Fin") else 0
    cellar = 0 if row["BsmtQual"] == "NA" else first * dice.integer(70, 100) // 100
    finished = 0 if row["BsmtFinType1"] in ("Unf", "NA") else cellar * dice.integer(20, 90) // 100
    second_finish = (
        0 if row["BsmtFinType2"] in ("Unf", "NA") else (cellar - finished) * dice.integer(10, 60) // 100
    )
    rooms = max(3, (first + second) // 250 + dice.integer(-1, 1))
    cars = 0 if row["GarageType"] == "NA" else min(4, max(1, (quality + dice.integer(-1, 2)) // 3))
    row |= {
        "LotArea": max(1500, _bell(dice, 7200 + first * 2, 4600)),
        "1stFlrSF": first, "2ndFlrSF": second, "GrLivArea": first + second,
        "LowQualFinSF": 0 if dice.chance(98) else dice.integer(80, 400),
        "TotalBsmtSF": cellar, "BsmtFinSF1": finished, "BsmtFinSF2": second_finish,
        "BsmtUnfSF": cellar - finished - second_finish,
        "TotRmsAbvGrd": rooms, "BedroomAbvGr": max(1, rooms // 2), "KitchenAbvGr": 1 + dice.chance(4),
        "FullBath": 1 + (quality > 5), "HalfBath": int(second > 0), "BsmtFullBath": int(finished > 400),
        "BsmtHalfBath": int(dice.chance(6)), "GarageCars": cars, "GarageArea": cars * dice.integer(220, 290),
        "Fireplaces": 0 if row["FireplaceQu"] == "NA" else 1 + dice.chance(15),
        "MasVnrArea": 0 if row["MasVnrType"] == "NA" else dice.integer(40, 420),
        "WoodDeckSF": dice.integer(60, 320) if dice.chance(48) else 0,
        "OpenPorchSF": dice.integer(20, 140) if dice.chance(55) else 0,
        "EnclosedPorch": dice.integer(40, 220) if dice.chance(14) else 0,
        "3SsnPorch": dice.integer(100, 300) if dice.chance(2) else 0,
        "ScreenPorch": dice.integer(80, 260) if dice.chance(8) else 0,
        "PoolArea": 0 if row["PoolQC"] == "NA" else dice.integer(400, 700),
        "MiscVal": 0 if row["MiscFeature"] == "NA" else dice.integer(4, 25) * 100,
    }  # fmt: skip
    row["LotFrontage"] = "NA" if dice.integer(0, 999) < 177 else max(21, int(row["LotArea"]) // 140)


def _price(dice: Dice, row: dict[str, str | int], quality: int) -> int:
    """The formula that a model has to find. Whole numbers only; percentages are applied one after the other."""
    base = 18_000 + 46 * int(row["GrLivArea"]) + 24 * int(row["TotalBsmtSF"]) + 16 * int(row["BsmtFinSF1"])
    base += 9_000 * int(row["GarageCars"]) + 6_500 * int(row["Fireplaces"]) + 12 * int(row["WoodDeckSF"])
    base += int(row["LotArea"]) + 4_000 * int(row["FullBath"]) + 20 * int(row["PoolArea"])
    age = int(row["YrSold"]) - int(row["YearRemodAdd"])
    percents = [
        60 + 11 * quality,
        94 + int(row["OverallCond"]),
        max(70, 106 - age // 2),
        _PLACES[str(row["Neighborhood"])],
        {"Ex": 112, "Gd": 104, "TA": 98, "Fa": 90}.get(str(row["KitchenQual"]), 100),
        100 if row["CentralAir"] == "Y" else 88,
        {"Partial": 108, "Abnorml": 90}.get(str(row["SaleCondition"]), 100),
        _bell(dice, 100, 27),
    ]
    for percent in percents:
        base = base * percent // 100
    return max(34_900, base // 100 * 100)


def _row(split: str, number: int) -> dict[str, str | int]:
    dice = Dice("houses", split, number)
    row: dict[str, str | int] = {name: _pick(dice, options) for name, options in _WORD_COLUMNS.items()}
    quality = min(10, max(1, _bell(dice, 6, 3)))
    built = min(2010, max(1872, _bell(dice, 1945 + 5 * quality, 34)))
    sold = dice.integer(2006, 2010)
    row |= {
        "Id": number + 1 + (COUNTS["train"] if split == "test" else 0),
        "MSSubClass": dice.choice((20, 20, 20, 60, 60, 50, 120, 30, 160, 70, 80, 90)),
        "OverallQual": quality,
        "OverallCond": min(9, max(1, _bell(dice, 6, 2))),
        "YearBuilt": min(built, sold),
        "YearRemodAdd": min(sold, max(1950, built, built + dice.integer(-20, 40))),
        "MoSold": dice.integer(1, 12),
        "YrSold": sold,
    }
    # One garage, one cellar: their columns are empty together.
    for lead, others in (
        ("GarageType", ("GarageFinish", "GarageQual", "GarageCond")),
        ("BsmtQual", ("BsmtCond", "BsmtExposure", "BsmtFinType1", "BsmtFinType2")),
    ):
        for name in others:
            if row[lead] == "NA":
                row[name] = "NA"
            elif row[name] == "NA":
                row[name] = _WORD_COLUMNS[name].words[0][0]
    row["GarageYrBlt"] = "NA" if row["GarageType"] == "NA" else row["YearBuilt"]
    _areas(dice, row, quality)
    row["SalePrice"] = _price(dice, row, quality)
    return row


def _build(folder: Path) -> str:
    digests = []
    for split, count in COUNTS.items():
        columns = COLUMNS if split == "train" else COLUMNS[:-1]
        text = io.StringIO()
        text.write(",".join(columns) + "\n")
        for number in range(count):
            row = _row(split, number)
            text.write(",".join(str(row[name]) for name in columns) + "\n")
        write_text(folder / f"kaggle_house_pred_{split}.csv", text.getvalue())
        digests.append(digest_of(text.getvalue()))
    return combine(digests)
