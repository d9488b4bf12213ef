"""The tables, at both scales."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from kit import small_sets  # noqa: F401

from utils.datasets import houses
from utils.datasets.houses import COLUMNS, TARGET, read_table, write_house_tiny


@pytest.mark.usefixtures("small_sets")
class TestSample:
    def test_shapes_and_columns(self) -> None:
        train, test = read_table("train"), read_table("test")
        assert train.shape == (300, 81)
        assert test.shape == (40, 80)
        assert tuple(train.columns) == COLUMNS
        assert tuple(test.columns) == COLUMNS[:-1]
        assert train.Id.tolist() == list(range(1, 301))
        assert test.Id.is_unique

    def test_kinds_of_columns_and_gaps(self) -> None:
        train = read_table("train")
        numbers = train.select_dtypes("number").columns
        assert 35 <= len(numbers) <= 40
        assert train[TARGET].notna().all()
        share = train.isna().mean()
        assert share["PoolQC"] > 0.9
        assert 0.05 < share["LotFrontage"] < 0.35
        assert (share == 0).sum() > 50
        assert (train.GarageType.isna() == train.GarageYrBlt.isna()).all()

    def test_values_make_sense(self) -> None:
        train = read_table("train")
        assert train.OverallQual.between(1, 10).all()
        assert (train.YearBuilt <= train.YearRemodAdd).all()
        assert (train.YearRemodAdd <= train.YrSold).all()
        cellar = train[["BsmtFinSF1", "BsmtFinSF2", "BsmtUnfSF"]]
        assert (train.TotalBsmtSF == cellar.sum(axis=1)).all()
        assert (cellar >= 0).all(axis=None)
        assert (cellar.std() > 0).all()
        assert (train.GrLivArea == train["1stFlrSF"] + train["2ndFlrSF"]).all()
        assert (train[TARGET] >= 34_900).all()

    def test_prices_can_be_learned_but_not_exactly(self) -> None:
        table = read_table("train")
        numbers = table.select_dtypes("number").drop(columns=["Id", "PoolArea", TARGET]).fillna(0)
        x = np.column_stack([np.ones(len(table)), (numbers - numbers.mean()) / (numbers.std() + 1e-9)])
        y = np.log(table[TARGET].to_numpy(dtype=float))
        # Ridge regression, for some columns are sums of others. Pools are too rare to learn from 200 rows.
        weights = np.linalg.solve(x[:200].T @ x[:200] + np.eye(x.shape[1]), x[:200].T @ y[:200])
        error = np.sqrt(np.mean((x[200:] @ weights - y[200:]) ** 2))
        assert 0.08 < error < 0.7 * y[200:].std()

    def test_unknown_split(self) -> None:
        with pytest.raises(ValueError, match="'train' or 'test'"):
            read_table("valid")

    def test_house_tiny(self, tmp_path) -> None:
        path = write_house_tiny(tmp_path / "new folder")
        assert len(path.read_text().splitlines()) == 5
        table = pd.read_csv(path)
        assert table.shape == (4, 3)
        assert table.isna().sum().tolist() == [2, 3, 0]
        assert table.Price.tolist() == [127500, 106000, 178100, 140000]
        assert write_house_tiny().parent == houses.settings.generated_root


def test_every_column_of_words_has_a_place() -> None:
    assert len(COLUMNS) == len(set(COLUMNS)) == 81
    assert set(houses._WORD_COLUMNS) < set(COLUMNS)


def test_full_scale(serve_archive, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {"train": ("Id,LotArea,SalePrice", "1,8450,208500"), "test": ("Id,LotArea", "1461,NA")}
    files = {
        f"kaggle_house_pred_{split}.csv": ("\n".join(lines) + "\n").encode() for split, lines in rows.items()
    }
    serve_archive("houses", files)
    monkeypatch.setenv("COURSE_SCALE", "full")
    assert read_table("train").SalePrice.tolist() == [208500]
    assert read_table("test").LotArea.isna().all()
